import { sign, verify } from "node:crypto";
import { privateKey, publicBytes, publicKey, SIGNATURE_BYTES } from "./ed25519.ts";
import {
  ED25519_COSIGNATURE,
  keyIdOf,
  NoteError,
  type NoteSigner,
  type NoteVerifier,
  parseSecretKey,
  parseVerifierKey,
  splitNote,
  verifierKey,
} from "./note.ts";

/** A big-endian uint64 before the signature: POSIX seconds. */
const TIME_BYTES = 8;

/**
 * The verifier of a witness's key, signature type 4 (c2sp.org/tlog-cosignature): that it saw the log only ever grow up to
 * this checkpoint. When it says so is signed, and left to the caller: `cosignedAt`.
 * @throws NoteError when it is not such a key
 */
export function parseCosigner(vkey: string): NoteVerifier {
  const { name, keyId, material } = parseVerifierKey(vkey, ED25519_COSIGNATURE);
  const key = publicKey(material);
  return {
    name,
    keyId,
    vkey,
    verify: (text, signature) => {
      const time = cosignatureTime(signature);
      if (time === undefined) return false;
      return verify(null, message(text, time), key, signature.subarray(TIME_BYTES));
    },
  };
}

/**
 * When a witness cosigned a note, in epoch milliseconds; undefined when it did not. With several, the last.
 * @throws NoteError when the note is malformed or the witness's signature is wrong
 */
export function cosignedAt(note: string, witness: NoteVerifier): number | undefined {
  const { text, signatures } = splitNote(note);
  const times = signatures
    .filter(({ name, keyId }) => name === witness.name && keyId === witness.keyId)
    .map(({ signature }) => {
      const time = witness.verify(text, signature) ? cosignatureTime(signature) : undefined;
      if (time === undefined) throw new NoteError("The witness's cosignature is wrong.");
      return Number(time) * 1_000;
    });
  return times.length === 0 ? undefined : Math.max(...times);
}

/**
 * The signer that a witness has for checkpoints.
 * @param skey a secret note key that signs nothing else
 * @param now epoch milliseconds
 * @throws NoteError when it is not a secret note key
 */
export function parseCosigningKey(skey: string, now: () => number): NoteSigner {
  const { name, seed } = parseSecretKey(skey);
  const key = privateKey(seed);
  const material = publicBytes(key);
  return {
    name,
    keyId: keyIdOf(name, ED25519_COSIGNATURE, material),
    verifier: verifierKey(name, ED25519_COSIGNATURE, material),
    sign: (text) => {
      const time = Buffer.alloc(TIME_BYTES);
      const seconds = BigInt(Math.floor(now() / 1_000));
      time.writeBigUInt64BE(seconds);
      return Buffer.concat([time, sign(null, message(text, seconds), key)]);
    },
  };
}

/** Undefined for what cannot be a cosignature. The time must not exceed 2^63 - 1. */
function cosignatureTime(signature: Uint8Array): bigint | undefined {
  if (signature.length !== TIME_BYTES + SIGNATURE_BYTES) return undefined;
  const time = Buffer.from(signature).readBigUInt64BE();
  return time < 2n ** 63n ? time : undefined;
}

function message(text: string, time: bigint): Buffer {
  return Buffer.from(`cosignature/v1\ntime ${time}\n${text}`);
}
