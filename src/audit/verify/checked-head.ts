import { parseCheckpoint } from "../../tlog/checkpoint.ts";
import { NoteError, type NoteVerifier, openNote, splitNote } from "../../tlog/note.ts";

/** What a checkpoint says, and who has signed it. */
export interface CheckedHead {
  readonly origin: string;
  readonly size: number;
  /** RFC 6962 root, 32 bytes. */
  readonly root: Uint8Array;
  /** Verifier keys of the trusted ones that have signed; none where signatures are not judged. */
  readonly signedBy: readonly string[];
}

/** A checkpoint that does not count, and why. */
export interface InvalidHead {
  readonly problem: string;
}

/** What each of several checkpoints is. */
export function checkHeads(
  notes: readonly string[],
  verifiers: readonly NoteVerifier[],
): (CheckedHead | InvalidHead)[] {
  return notes.map((note) => {
    try {
      return checkHead(note, verifiers);
    } catch (error) {
      if (error instanceof NoteError) return { problem: error.message };
      throw error;
    }
  });
}

/**
 * Reads a checkpoint. It counts when a trusted key has signed it whose name is its origin (c2sp.org/tlog-checkpoint).
 * @param verifiers of the trusted keys; of no keys at all, signatures are not judged
 * @throws NoteError
 */
export function checkHead(note: string, verifiers: readonly NoteVerifier[]): CheckedHead {
  if (verifiers.length === 0) return { ...parseCheckpoint(splitNote(note).text), signedBy: [] };
  const { text, verified } = openNote(note, verifiers);
  const { origin, size, root } = parseCheckpoint(text);
  const own = verified.filter(({ name }) => name === origin);
  if (own.length === 0) throw new NoteError("The checkpoint is of another log than the key that signed it.");
  return { origin, size, root, signedBy: own.map(({ vkey }) => vkey) };
}
