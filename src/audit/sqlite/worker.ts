// The thread that owns the database: a slow or hung disk blocks it, and nothing else.
import type { DatabaseSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import type { Operation, OperationOutcome, OperationResult, Query, QueryResult } from "../operation.ts";
import { lockDataFolder, messageOf, openDatabase } from "./database.ts";
import { Operations } from "./operations.ts";
import { answer } from "./queries.ts";

export interface WorkerOptions {
  readonly file: string;
  /** A gateway holds the data folder alone; a command beside it does not. */
  readonly exclusive: boolean;
}

export type WorkerRequest =
  | { readonly id: number; readonly commit: readonly Operation[] }
  | { readonly id: number; readonly query: Query }
  | { readonly id: number; readonly close: true };

export type WorkerReply =
  | { readonly id: number; readonly outcomes: readonly OperationOutcome[] }
  | { readonly id: number; readonly result: QueryResult | undefined }
  | { readonly id: number; readonly error: string };

/** SQLite's primary result codes for a statement that broke a rule of the schema, and not for a store that failed. */
const SQLITE_CONSTRAINT = 19;

const options = workerData as WorkerOptions;
const unlock = options.exclusive ? lockDataFolder(options.file) : undefined;
let db: DatabaseSync | undefined = openDatabase(options.file);
let operations = new Operations(db);

parentPort?.on("message", (request: WorkerRequest) => {
  parentPort?.postMessage(reply(request));
  if ("close" in request) parentPort?.close();
});
parentPort?.postMessage({ id: 0, result: undefined } satisfies WorkerReply);

function reply(request: WorkerRequest): WorkerReply {
  const { id } = request;
  try {
    if ("commit" in request) return { id, outcomes: commit(request.commit) };
    if ("query" in request) return { id, result: answer(database(), request.query) };
    db?.close();
    unlock?.();
    return { id, result: undefined };
  } catch (error) {
    return { id, error: messageOf(error) };
  }
}

/** After any failed write the connection is thrown away, and the next use opens the file anew. */
function database(): DatabaseSync {
  if (db === undefined) {
    db = openDatabase(options.file);
    operations = new Operations(db);
  }
  return db;
}

function commit(batch: readonly Operation[]): OperationOutcome[] {
  const connection = database();
  let first = 0;
  try {
    connection.exec("BEGIN IMMEDIATE");
    first = operations.start();
    // An empty batch is the question whether the disk takes a write.
    if (batch.length === 0) connection.exec("UPDATE migrations SET applied_at = applied_at WHERE version = 1");
    const results = batch.map((operation): OperationOutcome => ({ ok: true, result: operations.run(operation) }));
    connection.exec("COMMIT");
    return results;
  } catch (error) {
    if (connection.isTransaction) connection.exec("ROLLBACK");
    // One operation that breaks a rule must not take its neighbours along.
    if (isConstraint(error) && batch.length > 1) return batch.flatMap((operation) => commit([operation]));
    if (isConstraint(error) || !isSqlite(error)) {
      return batch.length > 1
        ? batch.flatMap((operation) => commit([operation]))
        : [{ ok: false, message: messageOf(error) }];
    }
    return afterFailedWrite(batch, first, messageOf(error));
  }
}

/**
 * A commit that failed is not known to be absent. So: open the file anew and look whether the batch's first record
 * stands where it would have been put; a transaction is there as a whole or not at all.
 */
function afterFailedWrite(batch: readonly Operation[], first: number, message: string): OperationOutcome[] {
  try {
    db?.close();
  } finally {
    db = undefined;
  }
  const wasWritten = recordsFrom(first);
  const results: OperationOutcome[] = [];
  for (const operation of batch) {
    const receipt =
      "record" in operation
        ? wasWritten.get(operation.record.uid)
        : operation.kind === "finish"
          ? wasWritten.get(operation.conclusion.record.uid)
          : undefined;
    results.push(receipt === undefined ? { ok: false, message } : { ok: true, result: resultOf(operation, receipt) });
  }
  return results;
}

function recordsFrom(first: number): Map<string, { index: number; leafHash: string }> {
  try {
    const rows = database().prepare("SELECT idx, uid, leaf_hash FROM records WHERE idx >= ?").all(first);
    return new Map(
      rows.map((row) => [String(row["uid"]), { index: Number(row["idx"]), leafHash: String(row["leaf_hash"]) }]),
    );
  } catch {
    // The file cannot even be read now: nothing is known to be there, and callers are told so.
    return new Map();
  }
}

function resultOf(operation: Operation, receipt: { index: number; leafHash: string }): OperationResult {
  switch (operation.kind) {
    case "begin":
      return { kind: "started", receipt };
    case "add-api-key":
      return "added";
    case "revoke-api-key":
      return true;
    default:
      return receipt;
  }
}

function isSqlite(error: unknown): error is Error & { errcode: number } {
  return error instanceof Error && "errcode" in error && typeof error.errcode === "number";
}

function isConstraint(error: unknown): boolean {
  return isSqlite(error) && (error.errcode & 0xff) === SQLITE_CONSTRAINT;
}
