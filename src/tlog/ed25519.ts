import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";

/** Of a private key (its seed) and of a public key, in bytes (RFC 8032, 5.1.5). */
export const KEY_BYTES = 32;

/** Of a signature, in bytes. */
export const SIGNATURE_BYTES = 64;

/** What stands before the 32 bytes of a key in PKCS #8 and in SubjectPublicKeyInfo (RFC 8410, 10). */
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");
const SPKI = Buffer.from("302a300506032b6570032100", "hex");

/** The private key of a seed of 32 bytes. */
export function privateKey(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: "der", type: "pkcs8" });
}

/** The public key of 32 bytes. Any 32 bytes make one; under most that no private key belongs to, nothing verifies. */
export function publicKey(bytes: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([SPKI, bytes]), format: "der", type: "spki" });
}

/** The 32 bytes of the public key that belongs to a private key. */
export function publicBytes(key: KeyObject): Buffer {
  return createPublicKey(key).export({ format: "der", type: "spki" }).subarray(SPKI.length);
}
