import { type Checkpoint, parseCheckpoint } from "../../tlog/checkpoint.ts";
import { NoteError, openNote, parseVerifier } from "../../tlog/note.ts";
import { proofText, verifyProof } from "../../tlog/tlog-proof.ts";
import { keysUnder } from "../lineage.ts";
import { object } from "../verify/outline.ts";
import { recoveryTold } from "../verify/recovery.ts";
import type { ComparableLog } from "./memory.ts";

/** A head of a log before this one, as it was remembered. */
export interface RememberedHead extends Checkpoint {
  /** The checkpoint as it was remembered. */
  readonly note: string;
}

/**
 * Whether the first record of a log is that of a recovery which knew of a head of a log before it, so that nothing of
 * that log was left behind in silence. A log that merely has the name of a recovered one has no such record: it is proven
 * to be in the log's tree, under a head that the log's key has signed.
 * @param origin the log's own
 */
export async function recoveryKnows(
  log: Pick<ComparableLog, "keys" | "proven">,
  origin: string,
  remembered: RememberedHead,
): Promise<boolean> {
  const first = await log.proven(0);
  const named = keysUnder(log.keys, origin);
  if (first === undefined || first.body === null || named === undefined) return false;
  const entry = Buffer.from(first.body);
  try {
    const proven = verifyProof(proofText(first.proof), { verifiers: named.trustedKeys.map(parseVerifier), entry });
    if (proven.index !== 0 || proven.origin !== origin) return false;
  } catch (error) {
    if (error instanceof NoteError) return false;
    throw error;
  }
  return checkpointsIn(entry, origin).some((note) => note === remembered.note || isAsLarge(note, remembered, log.keys));
}

/** The checkpoints that the record of a recovery names: the sealed log's, and those of the outside memories. */
function checkpointsIn(first: Buffer, origin: string): readonly string[] {
  const { sealed, outside } = recoveryTold(first, origin) ?? {};
  const named = [sealed, ...(Array.isArray(outside) ? outside : [])];
  return named.map((one) => object(one)?.["checkpoint"]).filter((checkpoint) => typeof checkpoint === "string");
}

/** What stood in a log that was given up may be anything: it counts when the log's key has signed it. */
function isAsLarge(note: string, remembered: RememberedHead, keys: ComparableLog["keys"]): boolean {
  const named = keysUnder(keys, remembered.origin);
  if (named === undefined) return false;
  try {
    const { origin, size } = parseCheckpoint(openNote(note, named.trustedKeys.map(parseVerifier)).text);
    return origin === remembered.origin && size >= remembered.size;
  } catch (error) {
    if (error instanceof NoteError) return false;
    throw error;
  }
}
