import { decodeBase64, decodeDecimal } from "./base64.ts";
import { HASH_BYTES } from "./hash.ts";
import { NoteError } from "./note.ts";

/** What a log says of its tree (c2sp.org/tlog-checkpoint). */
export interface Checkpoint {
  /** Which log it is: a schema-less URL. */
  readonly origin: string;
  /** Leaves in the tree. */
  readonly size: number;
  /** RFC 6962 root of the tree. */
  readonly root: Uint8Array;
}

/**
 * The text of a checkpoint, to be signed as a note.
 * @throws NoteError for an origin, a size or a root that cannot stand in one
 */
export function formatCheckpoint({ origin, size, root }: Checkpoint): string {
  if (origin === "" || origin.includes("\n"))
    throw new NoteError("A checkpoint's origin is one line that is not empty.");
  if (!Number.isSafeInteger(size) || size < 0) throw new NoteError("A checkpoint's tree size is a whole number.");
  if (root.length !== HASH_BYTES) throw new NoteError("A checkpoint's root is a hash of 32 bytes.");
  return `${origin}\n${size}\n${Buffer.from(root).toString("base64")}\n`;
}

/**
 * Reads the text of a checkpoint whose note was verified. Trees beyond 2^53 - 1 leaves are refused.
 * @throws NoteError when it is malformed
 */
export function parseCheckpoint(text: string): Checkpoint & { readonly root: Buffer; readonly extensions: string[] } {
  const [origin = "", sizeText = "", rootText = "", ...extensions] = text.split("\n");
  const size = decodeDecimal(sizeText);
  const root = decodeBase64(rootText);
  if (origin === "") throw new NoteError("The checkpoint has no origin.");
  if (size === undefined) throw new NoteError("The checkpoint's tree size is not a number that can be read.");
  if (root?.length !== HASH_BYTES) throw new NoteError("The checkpoint's root is not a hash of 32 bytes.");
  if (extensions.pop() !== "" || extensions.includes(""))
    throw new NoteError("The checkpoint has an empty line, or does not end in a newline.");
  return { origin, size, root, extensions };
}
