import { foreignRow, LogFault } from "../head.ts";
import { KeyReplaced } from "../key-change.ts";
import type { Operation, OperationFailure, OperationOutcome } from "../operation.ts";
import type { Connection } from "./connection.ts";
import { BrokenRule } from "./postgres-tables.ts";
import { reasonOf, sqlState, tableWithSuchRow } from "./session.ts";
import type { PreparedBatch, Writer } from "./writer.ts";

/**
 * Makes one durable transaction of a batch. An empty one asks whether the server takes a write.
 * @param replaces the verifier key under which the log must be signed so far, or nothing is written; any by default
 * @throws Error when it does not take an empty one; how each operation of any other came out is returned
 */
export async function commit(
  connection: Connection,
  batch: readonly Operation[],
  replaces?: string,
): Promise<OperationOutcome[]> {
  let writer: Writer;
  let prepared: PreparedBatch;
  try {
    ({ writer, prepared } = await begin(connection, batch, { replaces, again: true }));
  } catch (error) {
    return breaksRule(error) ? refused(connection, batch, error) : allFailed(batch, "not-written", error);
  }
  try {
    const outcomes = await writer.commit(prepared);
    if (!("rolledBack" in outcomes)) return outcomes;
    writer.forget();
    const rolledBack = connection.poisonedBy(foreignRow(tableWithSuchRow(outcomes.rolledBack)) ?? outcomes.rolledBack);
    return breaksRule(rolledBack)
      ? refused(connection, batch, rolledBack)
      : allFailed(batch, "not-written", rolledBack);
  } catch (error) {
    writer.forget();
    connection.discard();
    return afterLostCommit(connection, batch, prepared, error);
  }
}

/**
 * A session that was lost since it was last used is found out here, when nothing has been written yet: so this is tried
 * on another one, once.
 */
async function begin(
  connection: Connection,
  batch: readonly Operation[],
  { replaces, again }: { readonly replaces: string | undefined; readonly again: boolean },
): Promise<{ writer: Writer; prepared: PreparedBatch }> {
  const writer = await connection.toWrite();
  try {
    return { writer, prepared: await writer.prepare(batch, replaces) };
  } catch (error) {
    if (await writer.rollback()) throw connection.poisonedBy(error);
    connection.discard();
    if (again) return begin(connection, batch, { replaces, again: false });
    throw connection.poisonedBy(error);
  }
}

/**
 * A commit whose answer was lost is not known to be absent. So: connect anew, wait for the transaction's end, make sure
 * that what is found is durable, and look for the batch's first record; a transaction is there as a whole or not at all.
 */
async function afterLostCommit(
  connection: Connection,
  batch: readonly Operation[],
  prepared: PreparedBatch,
  error: unknown,
): Promise<OperationOutcome[]> {
  const { sealed } = prepared;
  try {
    const writer = await connection.toWrite();
    // A batch without a record leaves nothing by which it could be found.
    if (sealed === undefined) return allFailed(batch, batch.length === 0 ? "not-written" : "unknown", error);
    return (await writer.has(sealed)) ? prepared.outcomes() : allFailed(batch, "not-written", error);
  } catch {
    connection.discard();
    return allFailed(batch, "unknown", error);
  }
}

/** One operation that breaks a rule of the tables must not take its neighbours along. */
async function refused(
  connection: Connection,
  batch: readonly Operation[],
  error: unknown,
): Promise<OperationOutcome[]> {
  if (batch.length <= 1) return allFailed(batch, "refused", error);
  const outcomes: OperationOutcome[] = [];
  for (const operation of batch) outcomes.push(...(await commit(connection, [operation])));
  return outcomes;
}

/** Class 22 is a value that cannot be stored, 23 a broken constraint, 54 a value too large for its index. */
function breaksRule(error: unknown): boolean {
  return error instanceof BrokenRule || /^(22|23|54)/.test(sqlState(error) ?? "");
}

function allFailed(batch: readonly Operation[], failure: OperationFailure, error: unknown): OperationOutcome[] {
  // There is nothing in an empty batch that could carry the answer.
  if (batch.length === 0) throw error;
  const fault = failure === "not-written" && error instanceof LogFault;
  const stopped = error instanceof KeyReplaced ? "key-replaced" : "poisoned";
  return batch.map(() => ({ ok: false, failure: fault ? stopped : failure, message: reasonOf(error) }));
}
