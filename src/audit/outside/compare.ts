import { LockkeeperError } from "../../errors.ts";
import { type Checkpoint, parseCheckpoint } from "../../tlog/checkpoint.ts";
import { openNote, parseVerifier } from "../../tlog/note.ts";
import { verifyConsistency } from "../../tlog/proof.ts";
import { keysUnder, lineageOf } from "../lineage.ts";
import type { ComparableLog } from "./memory.ts";
import { recoveryKnows } from "./recovery-record.ts";

/** How a log stands to a checkpoint that it does not contradict; `recovered` when that is of a log before it. */
export type Comparison = "ahead" | "same" | "recovered";

/**
 * Compares the log with a checkpoint that was remembered outside. The checkpoint must have been signed by a key of this
 * log, and the log's signed head must be an extension of it: a consistency proof of RFC 6962, O(log n), says so. One of an
 * earlier log of the same lineage was left behind by a recovery: the log's first record must tell of it.
 * @param memory name of where it was remembered
 * @param note hostile until its signature was checked
 * @throws LockkeeperError `audit-rolled-back` or `configuration`
 */
export async function compareWithLog(memory: string, note: string, log: ComparableLog): Promise<Comparison> {
  const remembered = believed(memory, note, log.keys);
  // Asked for only now: other instances append too, and what was remembered was durable before it was sent.
  const head = await log.head();
  const origin = head?.origin ?? log.keys.origin;
  const [then, now] = [lineageOf(remembered.origin), lineageOf(origin)];
  if (then.recovery > now.recovery) {
    throw rolledBack(memory, `remembers the log ${remembered.origin}, which a recovery opened, and here is ${origin}`);
  }
  if (then.recovery < now.recovery) {
    if (await recoveryKnows(log, origin, { ...remembered, note })) return "recovered";
    throw rolledBack(
      memory,
      `remembers ${records(remembered.size)} of the log ${remembered.origin}, and no recovery that knew of them is the first record of ${origin}`,
    );
  }
  const size = head?.size ?? 0;
  if (remembered.size > size) throw rolledBack(memory, smaller(remembered.size, size));
  const proof = await log.consistency(remembered.size, size);
  const consistent =
    proof !== undefined &&
    verifyConsistency({
      from: remembered.size,
      fromRoot: remembered.root,
      to: size,
      toRoot: head === undefined ? remembered.root : Buffer.from(head.root, "hex"),
      proof: proof.map((hash) => Buffer.from(hash, "base64")),
    });
  if (!consistent) throw rolledBack(memory, different(remembered.size, size));
  return remembered.size === size ? "same" : "ahead";
}

/** What is said of a log that has fewer records than are remembered. */
export function smaller(remembered: number, size: number): string {
  return `remembers ${records(remembered)}, and the log here has ${size}`;
}

/** What is said of a log whose first records are not the remembered ones. */
export function different(remembered: number, size: number): string {
  return `remembers other records: the log here has ${records(size)}, and its first ${remembered} are not the ones whose tree was remembered`;
}

/** Records that were acknowledged are gone or were changed; says which memory knows it and what the ways out are. */
export function rolledBack(memory: string, what: string): LockkeeperError {
  return new LockkeeperError(
    "audit-rolled-back",
    `The audit log was rolled back or replaced: the ${memory} ${what}. Put the newest copy of the log back. If it is lost, ` +
      "lockkeeper audit recover --reason TEXT seals this one and opens a new log that says what happened.",
  );
}

function records(count: number): string {
  return `${count} record${count === 1 ? "" : "s"}`;
}

/** @throws LockkeeperError `configuration` when it is not a checkpoint that this log, or one before or after it, has signed */
function believed(memory: string, note: string, keys: ComparableLog["keys"]): Checkpoint {
  try {
    // Only to choose the keys by it; the signature is over this line as well.
    const origin = note.slice(0, note.indexOf("\n"));
    const named = keysUnder(keys, origin);
    if (named === undefined) throw new Error("it is of another log");
    const { text } = openNote(note, named.trustedKeys.map(parseVerifier));
    return parseCheckpoint(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new LockkeeperError(
      "configuration",
      `What the ${memory} keeps is no checkpoint of the log ${keys.origin} (${why}). If a former key signed it, name that key in ` +
        "audit.formerKeys. If the place belongs to another log, change audit.outside. If somebody wrote into it, find out who, and empty it.",
      {},
      { cause },
    );
  }
}
