import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createSecretKey,
  type KeyObject,
  randomBytes,
  randomFillSync,
} from "node:crypto";
import { createSecretFile, readSecretFile, secretFault } from "../secret-file.ts";

const KEY_BYTES = 32;
/** AES-256-GCM with a random nonce of 96 bits and a whole tag (NIST SP 800-38D, 8.2.2): good for 2^32 secrets a key. */
const ALGORITHM = "aes-256-gcm";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

const words = {
  what: "encryption key",
  make: "lockkeeper keys encryption-key",
  danger: "decrypt the secrets of key pairs",
} as const;

/** A secret as it is stored. */
export interface Sealed {
  /** Nonce, ciphertext and tag, base64. */
  readonly sealedSecret: string;
  /** Id of the key that it is encrypted under. */
  readonly sealedUnder: string;
}

/** The keys under which secrets of key pairs are encrypted: new ones under the first, old ones readable under all. */
export interface EncryptionKeys {
  /** Of the first: 16 hex digits that tell nothing of the key. */
  readonly id: string;
  /** @param bound what the secret belongs to; it is opened with the same text only */
  seal(secret: string, bound: string): Sealed;
  /** @returns the secret, or why it cannot be had; never throws for what is stored */
  unseal(sealed: Sealed, bound: string): { readonly secret: string } | { readonly fault: string };
}

export interface EncryptionKeyFiles {
  readonly encryptionKeyFile: string;
  readonly formerEncryptionKeyFiles: readonly string[];
}

/**
 * The configured keys (`authn.awsKeys`), each from its file: 32 random bytes in base64.
 * @throws LockkeeperError `configuration`, which names the file and never what is in it
 */
export function readEncryptionKeys({
  encryptionKeyFile,
  formerEncryptionKeyFiles,
}: EncryptionKeyFiles): EncryptionKeys {
  return encryptionKeys(readKey(encryptionKeyFile), formerEncryptionKeyFiles.map(readKey));
}

/**
 * Makes a key in a new file that only its owner can read.
 * @returns its id; undefined when the file is there already, which is left as it is
 * @throws LockkeeperError `configuration` for a folder that cannot be written
 */
export function createEncryptionKey(file: string): string | undefined {
  const key = randomBytes(KEY_BYTES);
  return createSecretFile(file, key.toString("base64")) ? idOf(key) : undefined;
}

/** @param current 32 bytes, as each of `former` */
export function encryptionKeys(current: Uint8Array, former: readonly Uint8Array[]): EncryptionKeys {
  const id = idOf(current);
  const secretKeys = new Map<string, KeyObject>([...former, current].map((key) => [idOf(key), createSecretKey(key)]));
  const currentKey = createSecretKey(current);
  return {
    id,
    seal(secret, bound) {
      const nonce = randomFillSync(Buffer.alloc(NONCE_BYTES));
      const cipher = createCipheriv(ALGORITHM, currentKey, nonce, { authTagLength: TAG_BYTES }).setAAD(text(bound));
      const sealed = Buffer.concat([nonce, cipher.update(secret, "utf8"), cipher.final(), cipher.getAuthTag()]);
      return { sealedSecret: sealed.toString("base64"), sealedUnder: id };
    },
    unseal({ sealedSecret, sealedUnder }, bound) {
      const key = secretKeys.get(sealedUnder);
      if (key === undefined) {
        return { fault: "it is encrypted under a key that is not configured (authn.awsKeys.formerEncryptionKeyFiles)" };
      }
      const sealed = Buffer.from(sealedSecret, "base64");
      if (sealed.length < NONCE_BYTES + TAG_BYTES) return { fault: "what is stored of its secret is too short" };
      const decipher = createDecipheriv(ALGORITHM, key, sealed.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
        .setAAD(text(bound))
        .setAuthTag(sealed.subarray(-TAG_BYTES));
      const start = decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES));
      try {
        return { secret: Buffer.concat([start, decipher.final()]).toString("utf8") };
      } catch {
        return { fault: "its row is not as it was written: the secret, the principal or a time has been changed" };
      }
    },
  };
}

function readKey(file: string): Buffer {
  const content = readSecretFile(file, words);
  const key = Buffer.from(content, "base64");
  if (key.length === KEY_BYTES && key.toString("base64") === content) return key;
  throw secretFault(
    `The encryption key file ${file} holds no key: it is 32 random bytes in base64. Make one: ${words.make} FILE`,
  );
}

/** With words of its own before the key, so that the digest is of no use for anything else. */
function idOf(key: Uint8Array): string {
  return createHash("sha256").update("lockkeeper encryption key\0").update(key).digest("hex").slice(0, 16);
}

function text(bound: string): Buffer {
  return Buffer.from(bound, "utf8");
}
