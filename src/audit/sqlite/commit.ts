import type { DatabaseSync } from "node:sqlite";
import type { Operation, OperationFailure, OperationOutcome } from "../operation.ts";
import type { Connection } from "./connection.ts";
import { messageOf } from "./database.ts";
import type { Operations } from "./operations.ts";

/** SQLite's primary result codes: another process holds the write lock; a statement broke a rule of the schema. */
const SQLITE_BUSY = 5;
const SQLITE_CONSTRAINT = 19;

/**
 * Makes one durable transaction of a batch. An empty one asks whether the disk takes a write.
 * @throws Error when it does not take an empty one; how each operation of any other came out is returned
 */
export function commit(connection: Connection, batch: readonly Operation[]): OperationOutcome[] {
  let begun: { readonly db: DatabaseSync; readonly operations: Operations };
  try {
    begun = connection.toWrite();
    begun.db.exec("BEGIN IMMEDIATE");
  } catch (error) {
    // A faulty connection goes. One to a file that was removed stays: it is all that is left of the log.
    const code = codeOf(error);
    if (code !== undefined && code !== SQLITE_BUSY) connection.discard({ unsynced: false });
    return allFailed(batch, "not-written", error);
  }

  const { db, operations } = begun;
  let first: number;
  let outcomes: OperationOutcome[];
  try {
    first = operations.start();
    if (batch.length === 0) db.exec("UPDATE migrations SET applied_at = applied_at WHERE version = 1");
    outcomes = batch.map((operation) => ({ ok: true, result: operations.run(operation) }));
  } catch (error) {
    const brokeRule = codeOf(error) === undefined || codeOf(error) === SQLITE_CONSTRAINT;
    if (!rolledBack(db) || !brokeRule) {
      connection.discard({ unsynced: false });
      return allFailed(batch, "not-written", error);
    }
    // One operation that breaks a rule must not take its neighbours along.
    if (batch.length > 1) return batch.flatMap((operation) => commit(connection, [operation]));
    return allFailed(batch, "refused", error);
  }

  try {
    db.exec("COMMIT");
    return outcomes;
  } catch (error) {
    rolledBack(db);
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
  try {
    const rows = connection.toWrite().db.prepare("SELECT uid FROM records WHERE idx >= ?").all(first);
    const written = new Set(rows.map((row) => row["uid"]));
    return batch.some((operation) => written.has(recordOf(operation).uid))
      ? outcomes
      : allFailed(batch, "not-written", error);
  } catch {
    connection.discard({ unsynced: true });
    return allFailed(batch, "unknown", error);
  }
}

function recordOf(operation: Operation) {
  return operation.kind === "finish" ? operation.conclusion.record : operation.record;
}

/** @returns whether the transaction has ended without having done anything */
function rolledBack(db: DatabaseSync): boolean {
  try {
    // Some errors have rolled it back already (https://www.sqlite.org/lang_transaction.html).
    if (db.isTransaction) db.exec("ROLLBACK");
    return true;
  } catch {
    return false;
  }
}

function allFailed(batch: readonly Operation[], failure: OperationFailure, error: unknown): OperationOutcome[] {
  // There is nothing in an empty batch that could carry the answer.
  if (batch.length === 0) throw error;
  return batch.map(() => ({ ok: false, failure, message: messageOf(error) }));
}

/** The primary result code of an error of SQLite's; undefined for any other error. */
function codeOf(error: unknown): number | undefined {
  const isSqlite = error instanceof Error && "errcode" in error && typeof error.errcode === "number";
  return isSqlite ? Number(error.errcode) & 0xff : undefined;
}
