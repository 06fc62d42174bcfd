// The thread that owns the database: a slow or hung disk blocks it, and nothing else.
import { parentPort, workerData } from "node:worker_threads";
import { LockkeeperError } from "../../errors.ts";
import type { LogKeys } from "../log-keys.ts";
import type { Operation, OperationOutcome, Query, QueryResult } from "../operation.ts";
import { commit } from "./commit.ts";
import { Connection } from "./connection.ts";
import { lockDataFolder } from "./database.ts";
import { takeUpKey } from "./key-change.ts";
import { messageOf } from "./sqlite-error.ts";

export interface WorkerOptions {
  /** Path of the database. */
  readonly file: string;
  /** An AWS account, or `sandbox`. */
  readonly owner: string;
  readonly keys: LogKeys;
  /** A gateway holds the data folder alone; a command beside it does not. */
  readonly exclusive: boolean;
  /** Epoch milliseconds. */
  readonly now: number;
}

export type WorkerRequest =
  | { readonly id: number; readonly commit: readonly Operation[] }
  | { readonly id: number; readonly query: Query }
  | { readonly id: number; readonly check: true }
  | { readonly id: number; readonly close: true };

export type WorkerReply =
  | { readonly id: number; readonly outcomes: readonly OperationOutcome[] }
  | { readonly id: number; readonly result: QueryResult | undefined }
  | { readonly id: number; readonly error: string };

const { file, owner, keys, exclusive, now } = workerData as WorkerOptions;
const unlock = exclusive ? lockDataFolder(file) : undefined;
const connection = openLog();

parentPort?.on("message", (request: WorkerRequest) => {
  parentPort?.postMessage(reply(request));
  if ("close" in request) parentPort?.close();
});
parentPort?.postMessage({ id: 0, result: undefined } satisfies WorkerReply);

function openLog(): Connection {
  let opened: Connection | undefined;
  try {
    opened = new Connection({ file, owner, keys });
    takeUpKey(opened, exclusive, now);
    return opened;
  } catch (cause) {
    // Not only when this thread has ended: whoever hears of it may try something else at once, and the last connection
    // that is closed locks the database for a moment.
    opened?.close();
    unlock?.();
    const message = `The audit database ${file} cannot be used: ${messageOf(cause)}.`;
    throw new LockkeeperError("audit-unavailable", message, {}, { cause });
  }
}

function reply(request: WorkerRequest): WorkerReply {
  const { id } = request;
  try {
    if ("commit" in request) return { id, outcomes: commit(connection, request.commit) };
    if ("query" in request) return { id, result: connection.toRead().answer(request.query) };
    if ("check" in request) connection.check();
    else {
      connection.close();
      unlock?.();
    }
    return { id, result: undefined };
  } catch (error) {
    return { id, error: messageOf(error) };
  }
}
