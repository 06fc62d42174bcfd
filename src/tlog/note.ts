import { hash, randomBytes, sign, verify } from "node:crypto";
import { decodeBase64 } from "./base64.ts";
import { KEY_BYTES, privateKey, publicBytes, publicKey, SIGNATURE_BYTES } from "./ed25519.ts";

/**
 * A key, note, checkpoint or proof that is not what its specification says, or that nobody trusted has signed. The
 * message echoes nothing of it: it may be hostile, and a key may be secret.
 */
export class NoteError extends Error {
  override readonly name = "NoteError";
}

/** What signs notes. */
export interface NoteSigner {
  readonly name: string;
  /** The uint32 that tells, with the name, whose signature it is. */
  readonly keyId: number;
  /** The verifier key (vkey) that belongs to it. */
  readonly verifier: string;
  /** @returns the bytes that follow the key id in a signature line */
  sign(text: string): Buffer;
}

/** What knows one key's signatures. */
export interface NoteVerifier {
  readonly name: string;
  readonly keyId: number;
  readonly vkey: string;
  /** @param signature the bytes that follow the key id in a signature line */
  verify(text: string, signature: Uint8Array): boolean;
}

/** One signature line of a note. */
export interface NoteSignature {
  readonly name: string;
  readonly keyId: number;
  readonly signature: Buffer;
}

export interface OpenedNote {
  /** The signed text with its last newline. */
  readonly text: string;
  /** Whose signatures were found good, in the note's order; at least one. */
  readonly verified: readonly NoteVerifier[];
  /** Signatures of keys that are not known; they mean nothing. */
  readonly unverified: readonly NoteSignature[];
}

/** Signature types of c2sp.org/signed-note. */
export const ED25519 = 0x01;
export const ED25519_COSIGNATURE = 0x04;

/** Bounds on what hostile notes make us look at; as Go's note package has them. */
const MAX_NOTE_LENGTH = 1_000_000;
const MAX_SIGNATURES = 100;
const MAX_KEY_LENGTH = 1_000;

/** U+0000 to U+001F but newline. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be in a note
const CONTROL = /[\u0000-\u0009\u000b-\u001f]/;

/**
 * Makes an Ed25519 key pair.
 * @param name a schema-less URL such as `example.com/log`
 * @returns the secret key as Go's golang.org/x/mod/sumdb/note writes it, and its verifier key
 * @throws NoteError for a name that a key cannot have
 */
export function generateKey(name: string): { signer: string; verifier: string } {
  if (!isKeyName(name)) throw new NoteError("A key's name is not empty and has neither spaces nor plus signs.");
  const seed = randomBytes(KEY_BYTES);
  const verifier = verifierKey(name, ED25519, publicBytes(privateKey(seed)));
  const [, id] = verifier.split("+");
  return { signer: `PRIVATE+KEY+${name}+${id}+${encoded(ED25519, seed)}`, verifier };
}

/**
 * The signer of a secret key: `PRIVATE+KEY+<name>+<key id>+<base64>`.
 * @throws NoteError when it is not one
 */
export function parseSigner(skey: string): NoteSigner {
  const { name, seed } = parseSecretKey(skey);
  const key = privateKey(seed);
  const material = publicBytes(key);
  return {
    name,
    keyId: keyIdOf(name, ED25519, material),
    verifier: verifierKey(name, ED25519, material),
    sign: (text) => sign(null, Buffer.from(text), key),
  };
}

/**
 * The verifier of an Ed25519 verifier key: `<name>+<key id>+<base64>`.
 * @throws NoteError when it is not one
 */
export function parseVerifier(vkey: string): NoteVerifier {
  const { name, keyId, material } = parseVerifierKey(vkey, ED25519);
  const key = publicKey(material);
  return {
    name,
    keyId,
    vkey,
    verify: (text, signature) =>
      signature.length === SIGNATURE_BYTES && verify(null, Buffer.from(text), key, signature),
  };
}

/**
 * The text as a note with one signature line for each signer (c2sp.org/signed-note).
 * @throws NoteError for a text that cannot be signed
 */
export function signNote(text: string, signers: readonly NoteSigner[]): string {
  if (!text.endsWith("\n") || CONTROL.test(text) || !text.isWellFormed())
    throw new NoteError("The text of a note ends in a newline and has no control characters.");
  return `${text}\n${signers.map((signer) => signatureLine(signer, signer.sign(text))).join("")}`;
}

/** `— <name> <base64>` and a newline. */
export function signatureLine({ name, keyId }: Pick<NoteSignature, "name" | "keyId">, signature: Uint8Array): string {
  const data = Buffer.alloc(4 + signature.length);
  data.writeUInt32BE(keyId);
  data.set(signature, 4);
  return `— ${name} ${data.toString("base64")}\n`;
}

/**
 * Reads a note and checks the signatures of all keys that are known (c2sp.org/signed-note).
 * @param note hostile
 * @throws NoteError when it is malformed, when no known key has signed it, and when the signature of a known key is wrong
 */
export function openNote(note: string, verifiers: readonly NoteVerifier[]): OpenedNote {
  const { text, signatures } = splitNote(note);
  const verified = new Set<NoteVerifier>();
  const unverified: NoteSignature[] = [];
  for (const signature of signatures) {
    const known = verifiers.filter(({ name, keyId }) => name === signature.name && keyId === signature.keyId);
    const [verifier] = known;
    if (verifier === undefined) {
      unverified.push(signature);
    } else if (known.some(({ vkey }) => vkey !== verifier.vkey)) {
      throw new NoteError("Two of the known keys have the same name and id.");
    } else if (!verifier.verify(text, signature.signature)) {
      throw new NoteError("The note's signature under a known key is wrong: the note or the signature was changed.");
    } else {
      verified.add(verifier);
    }
  }
  if (verified.size === 0) throw new NoteError("None of the known keys has signed this note.");
  return { text, verified: [...verified], unverified };
}

/**
 * A note's text and its signature lines; nothing is verified.
 * @throws NoteError when it is malformed
 */
export function splitNote(note: string): { text: string; signatures: NoteSignature[] } {
  if (note.length > MAX_NOTE_LENGTH) throw new NoteError("The note is too long.");
  if (CONTROL.test(note) || !note.isWellFormed())
    throw new NoteError("The note has control characters or is not UTF-8.");
  const end = note.lastIndexOf("\n\n");
  if (end < 0) throw new NoteError("The note has no empty line between its text and its signatures.");
  const text = note.slice(0, end + 1);
  const lines = note.slice(end + 2).split("\n");
  if (lines.pop() !== "" || lines.length === 0) throw new NoteError("The note does not end in signature lines.");
  if (lines.length > MAX_SIGNATURES) throw new NoteError("The note has too many signatures.");
  return { text, signatures: lines.map(parseSignatureLine) };
}

function parseSignatureLine(line: string): NoteSignature {
  const [, name = "", base64 = ""] = /^— ([^ ]+) ([^ ]+)$/.exec(line) ?? [];
  const data = decodeBase64(base64);
  if (!isKeyName(name) || data === undefined || data.length < 5)
    throw new NoteError("The note has a malformed signature line.");
  return { name, keyId: data.readUInt32BE(), signature: data.subarray(4) };
}

/** The parts of a secret key. @throws NoteError unless they belong together */
export function parseSecretKey(skey: string): { name: string; seed: Buffer } {
  const [, name = "", id, base64 = ""] =
    skey.length <= MAX_KEY_LENGTH ? (/^PRIVATE\+KEY\+([^+]+)\+([0-9a-f]{8})\+([^\s]+)$/.exec(skey) ?? []) : [];
  const data = decodeBase64(base64);
  if (!isKeyName(name) || data === undefined)
    throw new NoteError("This is not a secret note key: PRIVATE+KEY+<name>+<8 hex digits>+<base64>.");
  if (data[0] !== ED25519 || data.length !== 1 + KEY_BYTES)
    throw new NoteError("The secret note key is not an Ed25519 key (type 1, 32 bytes).");
  const seed = data.subarray(1);
  if (id !== hexId(keyIdOf(name, ED25519, publicBytes(privateKey(seed)))))
    throw new NoteError("The secret note key's id does not belong to its name and key: it was changed.");
  return { name, seed };
}

/** The parts of a verifier key of one signature type. @throws NoteError unless they belong together */
export function parseVerifierKey(vkey: string, type: number): { name: string; keyId: number; material: Buffer } {
  const [, name = "", id, base64 = ""] =
    vkey.length <= MAX_KEY_LENGTH ? (/^([^+]+)\+([0-9a-f]{8})\+([^\s]+)$/.exec(vkey) ?? []) : [];
  const data = decodeBase64(base64);
  if (!isKeyName(name) || data === undefined)
    throw new NoteError("This is not a verifier key: <name>+<8 hex digits>+<base64>.");
  if (data[0] !== type || data.length !== 1 + KEY_BYTES)
    throw new NoteError(`The verifier key is not an Ed25519 key of signature type ${type}.`);
  const material = data.subarray(1);
  const keyId = keyIdOf(name, type, material);
  if (id !== hexId(keyId)) throw new NoteError("The verifier key's id does not belong to its name and key.");
  return { name, keyId, material };
}

/** `<name>+<key id>+<base64>` of a public key. */
export function verifierKey(name: string, type: number, material: Uint8Array): string {
  return `${name}+${hexId(keyIdOf(name, type, material))}+${encoded(type, material)}`;
}

/** The first four bytes of SHA-256(name ‖ 0x0A ‖ signature type ‖ public key) (c2sp.org/signed-note). */
export function keyIdOf(name: string, type: number, material: Uint8Array): number {
  return hash("sha256", Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(type), material]), "buffer").readUInt32BE();
}

/** Names are not empty and have no Unicode spaces, plus signs or control characters. */
function isKeyName(name: string): boolean {
  return /^[^\p{White_Space}+]+$/u.test(name) && !CONTROL.test(name) && name.isWellFormed();
}

function encoded(type: number, material: Uint8Array): string {
  return Buffer.concat([Buffer.of(type), material]).toString("base64");
}

function hexId(keyId: number): string {
  return keyId.toString(16).padStart(8, "0");
}
