import { decodeBase64, decodeDecimal } from "./base64.ts";
import { parseCheckpoint } from "./checkpoint.ts";
import { HASH_BYTES, leafHash } from "./hash.ts";
import { NoteError, type NoteVerifier, openNote } from "./note.ts";
import { verifyInclusion } from "./proof.ts";

/** That an entry is in a log, for whoever knows the log's key (c2sp.org/tlog-proof). */
export interface TlogProof {
  /** The entry's index in the log. */
  readonly index: number;
  /** RFC 6962 audit path: from the leaf's sibling up. */
  readonly proof: readonly Uint8Array[];
  /** The signed checkpoint, a note. */
  readonly checkpoint: string;
  /** Whatever is needed to make the entry; Lockkeeper's receipts carry the entry itself. Not authenticated. */
  readonly extra?: Uint8Array;
}

/**
 * A proof as text, in the two parts that follow one another. `lines` is ASCII; the signature lines of the checkpoint
 * begin with a dash that is not, and for that one character V8 would keep, copy and escape all of the text, which is
 * mostly the entry, as two bytes each.
 */
export interface ProofText {
  readonly lines: string;
  readonly checkpoint: string;
}

/** That a leaf hash is in a log. */
export interface VerifiedLeaf {
  readonly origin: string;
  readonly index: number;
  /** Leaves in the tree that it is in. */
  readonly size: number;
  readonly root: Buffer;
  /** Who signed: the log, and those witnesses that are known. */
  readonly signers: readonly NoteVerifier[];
}

export interface VerifiedProof extends VerifiedLeaf {
  /** The bytes that are in the log. */
  readonly entry: Uint8Array;
}

const HEADER = "c2sp.org/tlog-proof@v1";

/** Longer ones are refused unread: an entry of 65,535 bytes and a checkpoint with 100 signatures fit in. */
const MAX_PROOF_LENGTH = 1_200_000;

/** A tree of 2^53 leaves is as high. */
const MAX_PATH = 53;

/**
 * The proof as text in parts.
 * @param hashText base64 of a hash; whoever makes many proofs of one tree can remember it
 */
export function proofInParts(
  { index, proof, checkpoint, extra }: TlogProof,
  hashText: (hash: Uint8Array) => string = base64,
): ProofText {
  let lines = extra === undefined ? `${HEADER}\n` : `${HEADER}\nextra ${base64(extra)}\n`;
  lines += `index ${index}\n`;
  for (const hash of proof) lines += `${hashText(hash)}\n`;
  return { lines: `${lines}\n`, checkpoint };
}

/** The proof as text, to be kept in a `.tlog-proof` file. */
export function formatProof(proof: TlogProof): string {
  return proofText(proofInParts(proof));
}

/** The parts put together. */
export function proofText({ lines, checkpoint }: ProofText): string {
  return lines + checkpoint;
}

/**
 * The parts of a proof. Nothing is verified.
 * @throws NoteError when it is malformed
 */
export function parseProof(text: string): TlogProof & { readonly proof: readonly Buffer[]; readonly extra?: Buffer } {
  if (text.length > MAX_PROOF_LENGTH) throw new NoteError("The proof is too long.");
  const end = text.indexOf("\n\n");
  const [header, ...lines] = text.slice(0, Math.max(end, 0)).split("\n");
  if (end < 0 || header !== HEADER) throw new NoteError(`This is not a proof: its first line is not ${HEADER}.`);

  const extra = lines[0]?.startsWith("extra ") ? decodeBase64(lines.shift()?.slice("extra ".length) ?? "") : null;
  if (extra === undefined) throw new NoteError("The proof's extra data is not base64.");
  const [indexLine = "", ...path] = lines;
  const index = indexLine.startsWith("index ") ? decodeDecimal(indexLine.slice("index ".length)) : undefined;
  if (index === undefined) throw new NoteError("The proof has no index that can be read.");
  if (path.length > MAX_PATH) throw new NoteError("The proof has too many hashes.");
  return { index, proof: path.map(hashOf), checkpoint: text.slice(end + 2), ...(extra !== null && { extra }) };
}

/**
 * Proves that an entry is in the log whose key is known. The checkpoint counts only when a known key signed it that has
 * the checkpoint's origin for its name; the signature of a known witness must be good as well.
 * @param text hostile
 * @param entry the bytes that are said to be in the log; without it, the proof's `extra`
 * @throws NoteError saying what is wrong
 */
export function verifyProof(
  text: string,
  { verifiers, entry }: { readonly verifiers: readonly NoteVerifier[]; readonly entry?: Uint8Array | undefined },
): VerifiedProof {
  const proof = parseProof(text);
  const bytes = entry ?? proof.extra;
  if (bytes === undefined) throw new NoteError("The proof does not carry its entry, which has to be given beside it.");
  return { ...verifyLeaf(proof, leafHash(bytes), verifiers), entry: bytes };
}

/**
 * Proves, as `verifyProof` does, that a leaf with this hash is in the log; of what entry, the hash does not say.
 * @throws NoteError saying what is wrong
 */
export function verifyLeaf(
  { index, proof, checkpoint }: TlogProof,
  leaf: Uint8Array,
  verifiers: readonly NoteVerifier[],
): VerifiedLeaf {
  const { text, verified: signers } = openNote(checkpoint, verifiers);
  const { origin, size, root } = parseCheckpoint(text);
  if (!signers.some(({ name }) => name === origin))
    throw new NoteError("The checkpoint is of another log: no known key of its origin has signed it.");
  if (!verifyInclusion({ leaf, index, size, proof, root }))
    throw new NoteError(
      "The entry is not at this index in the signed tree: the entry, the index or the proof was changed.",
    );
  return { origin, index, size, root, signers };
}

function hashOf(line: string): Buffer {
  const hash = decodeBase64(line);
  if (hash?.length !== HASH_BYTES) throw new NoteError("The proof has a line that is not a hash of 32 bytes.");
  return hash;
}

export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}
