import { randomBytes } from "node:crypto";
import type { ResealedAwsKey, StoredAwsKey } from "../audit/journal.ts";
import type { EncryptionKeys } from "./encryption-keys.ts";
import { type NewKey, newKeyRow, storedPrincipal } from "./issued-key.ts";
import type { Principal } from "./principal.ts";

/**
 * As long as AWS's access key ids and of their alphabet, so that every client takes it (IAM: `[\w]+`, 16 to 128). Never to
 * be mistaken for one of AWS: all unique ids of IAM begin with A (IAM User Guide, "IAM identifiers"), and secret scanners
 * look for those prefixes, which cannot stand in here with sixteen characters behind them either.
 */
const PREFIX = "LKEY";
const ID_LENGTH = 16;
/** Base32 (RFC 4648). */
const idAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/** 240 bits: 40 characters of base64, without padding, as AWS's. */
const SECRET_BYTES = 30;

/** What the door verifies signatures with. */
export interface AwsKeyPair {
  readonly secretAccessKey: string;
  readonly principal: Principal;
}

export interface CreatedAwsKey {
  readonly accessKeyId: string;
  /** It exists here and encrypted in what is stored: whoever drops it is not shown it again. */
  readonly secretAccessKey: string;
  readonly stored: StoredAwsKey;
}

/**
 * Makes a key pair for AWS clients. Stores nothing.
 * @throws LockkeeperError `malformed-request` with every fault of the principal and the time
 */
export function createAwsKey(asked: NewKey, encryption: Pick<EncryptionKeys, "seal">): CreatedAwsKey {
  const { random = randomBytes } = asked;
  const row = newKeyRow(asked, "sigv4");
  const id = PREFIX + Array.from(random(ID_LENGTH), (byte) => idAlphabet[byte % idAlphabet.length]).join("");
  const secretAccessKey = Buffer.from(random(SECRET_BYTES)).toString("base64");
  const stored = { ...row, id, ...encryption.seal(secretAccessKey, boundTo({ ...row, id })) };
  return { accessKeyId: id, secretAccessKey, stored };
}

/** @returns the pair, or why it is of no use; never throws for what is stored */
export function openAwsKey(
  stored: StoredAwsKey,
  encryption: Pick<EncryptionKeys, "unseal">,
): AwsKeyPair | { readonly fault: string } {
  const opened = encryption.unseal(stored, boundTo(stored));
  if ("fault" in opened) return opened;
  const principal = storedPrincipal(stored);
  if (principal === undefined) return { fault: "its principal is none that a key pair can have" };
  return { secretAccessKey: opened.secret, principal };
}

/** @returns the same secret under the first of the keys, and whose it is; or why it cannot be had */
export function resealAwsKey(
  stored: StoredAwsKey,
  encryption: EncryptionKeys,
): { readonly resealed: ResealedAwsKey; readonly principal: Principal } | { readonly fault: string } {
  const opened = openAwsKey(stored, encryption);
  if ("fault" in opened) return opened;
  const { id, sealedSecret: replaces } = stored;
  const sealed = encryption.seal(opened.secretAccessKey, boundTo(stored));
  return { resealed: { id, replaces, ...sealed }, principal: opened.principal };
}

/** What a secret belongs to: it opens in no other row, for nobody else, and not for longer. */
function boundTo(key: Pick<StoredAwsKey, "id" | "principalJson" | "createdAt" | "expiresAt">): string {
  const { id, principalJson, createdAt, expiresAt } = key;
  return JSON.stringify(["lockkeeper key pair 1", id, principalJson, createdAt, expiresAt]);
}
