import { hash, randomBytes } from "node:crypto";
import type { StoredApiKey } from "../audit/journal.ts";
import { type NewKey, newKeyRow } from "./issued-key.ts";

/** Lower-case base32 (RFC 4648), so that an id can be read out; the secret is 256 bits in base64url, which may hold `_`. */
const idAlphabet = "abcdefghijklmnopqrstuvwxyz234567";
const ID_LENGTH = 16;
const SECRET_BYTES = 32;
const format = /^lk_([a-z2-7]{16})_([A-Za-z0-9_-]{43})$/;

/** Takes `lk_<id>_<secret>` apart; undefined for anything else. */
export function parseApiKey(key: string): { readonly id: string; readonly secret: string } | undefined {
  const [, id, secret] = format.exec(key) ?? [];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

/**
 * SHA-256 of the secret's characters, hex. A fast hash is right here: there is nothing to guess in 256 random bits.
 * Of the characters and not of what they decode to, because several spellings decode to the same bits.
 */
function secretHash(secret: string): string {
  return hash("sha256", secret, "hex");
}

export interface CreatedApiKey {
  /** The key itself. It exists here and nowhere else: whoever drops it cannot have it again. */
  readonly key: string;
  readonly stored: StoredApiKey;
}

/**
 * Makes a key. Stores nothing.
 * @throws LockkeeperError `malformed-request` with every fault of the principal and the time
 */
export function createApiKey(asked: NewKey): CreatedApiKey {
  const { random = randomBytes } = asked;
  const row = newKeyRow(asked, "api-key");
  const id = Array.from(random(ID_LENGTH), (byte) => idAlphabet[byte % idAlphabet.length]).join("");
  const secret = Buffer.from(random(SECRET_BYTES)).toString("base64url");
  return { key: `lk_${id}_${secret}`, stored: { ...row, id, secretHash: secretHash(secret) } };
}
