// The thread that checks signatures: each takes ten times as long as hashing a record does.
import { parentPort, workerData } from "node:worker_threads";
import { NoteError, parseVerifier } from "../../tlog/note.ts";
import { type CheckedHead, checkHead } from "./checked-head.ts";

/** A checkpoint that does not count, and why. */
export interface InvalidHead {
  readonly problem: string;
}

const verifiers = (workerData as readonly string[]).map(parseVerifier);

parentPort?.on("message", (notes: readonly string[]) => parentPort?.postMessage(notes.map(check)));

function check(note: string): CheckedHead | InvalidHead {
  try {
    return checkHead(note, verifiers);
  } catch (error) {
    if (error instanceof NoteError) return { problem: error.message };
    throw error;
  }
}
