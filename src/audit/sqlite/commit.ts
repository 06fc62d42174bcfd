import { foreignRow, LogFault } from "../head.ts";
import { KeyReplaced } from "../key-change.ts";
import type { Operation, OperationFailure, OperationOutcome } from "../operation.ts";
import type { Connection } from "./connection.ts";
import { codeOf, messageOf, SQLITE_BUSY, SQLITE_CONSTRAINT, tableWithSuchRow } from "./sqlite-error.ts";
import type { Writer } from "./writer.ts";

/**
 * Makes one durable transaction of a batch. An empty one asks whether the disk takes a write.
 * @throws Error when it does not take an empty one; how each operation of any other came out is returned
 */
export function commit(connection: Connection, batch: readonly Operation[]): OperationOutcome[] {
  let writer: Writer | undefined;
  let first: number;
  try {
    writer = connection.toWrite();
    first = writer.begin();
  } catch (error) {
    writer?.rollback();
    // A faulty connection goes. One to a file that was removed stays: it is all that is left of the log.
    const code = codeOf(error);
    if (code !== undefined && code !== SQLITE_BUSY) connection.discard({ unsynced: false });
    return allFailed(batch, "not-written", connection.poisonedBy(error));
  }

  let outcomes: OperationOutcome[];
  try {
    if (batch.length === 0) writer.db.exec("UPDATE migrations SET applied_at = applied_at WHERE version = 1");
    outcomes = writer.run(batch);
  } catch (cause) {
    const error = foreignRow(tableWithSuchRow(cause)) ?? cause;
    const code = codeOf(error);
    const brokeRule = !(error instanceof LogFault) && (code === undefined || code === SQLITE_CONSTRAINT);
    if (!writer.rollback() || !brokeRule) {
      connection.discard({ unsynced: false });
      return allFailed(batch, "not-written", connection.poisonedBy(error));
    }
    // One operation that breaks a rule of the tables must not take its neighbours along.
    if (batch.length > 1) return batch.flatMap((operation) => commit(connection, [operation]));
    return allFailed(batch, "refused", error);
  }

  try {
    writer.commit();
    return outcomes;
  } catch (error) {
    writer.rollback();
    connection.discard({ unsynced: true });
    return afterFailedCommit(connection, batch, first, outcomes, error);
  }
}

/**
 * A commit that failed is not known to be absent. So: open the file anew, make sure that what is read in it is on disk,
 * and look for one of the batch's records; a transaction is there as a whole or not at all.
 */
function afterFailedCommit(
  connection: Connection,
  batch: readonly Operation[],
  first: number,
  outcomes: OperationOutcome[],
  error: unknown,
): OperationOutcome[] {
  const uids = new Set(batch.flatMap(uidOf));
  try {
    const { log } = connection.toWrite();
    // A batch without a record leaves nothing by which it could be found.
    if (uids.size === 0 && batch.length > 0) return allFailed(batch, "unknown", error);
    return log.uidsFrom(first).some((uid) => uids.has(uid)) ? outcomes : allFailed(batch, "not-written", error);
  } catch {
    connection.discard({ unsynced: true });
    return allFailed(batch, "unknown", error);
  }
}

function uidOf(operation: Operation): string[] {
  if (operation.kind === "lease" || operation.kind === "end-lease") return [];
  return [operation.kind === "finish" ? operation.conclusion.record.uid : operation.record.uid];
}

function allFailed(batch: readonly Operation[], failure: OperationFailure, error: unknown): OperationOutcome[] {
  // There is nothing in an empty batch that could carry the answer.
  if (batch.length === 0) throw error;
  const fault = error instanceof LogFault;
  const stopped = error instanceof KeyReplaced ? "key-replaced" : "poisoned";
  return batch.map(() => ({ ok: false, failure: fault ? stopped : failure, message: messageOf(error) }));
}
