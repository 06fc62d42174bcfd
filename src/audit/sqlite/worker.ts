// The thread that owns the database: a slow or hung disk blocks it, and nothing else.
import { parentPort, workerData } from "node:worker_threads";
import type { Operation, OperationOutcome, Query, QueryResult } from "../operation.ts";
import { commit } from "./commit.ts";
import { Connection, type ConnectionOptions } from "./connection.ts";
import { lockDataFolder, messageOf } from "./database.ts";
import { answer } from "./queries.ts";

export interface WorkerOptions extends ConnectionOptions {
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

const options = workerData as WorkerOptions;
const unlock = options.exclusive ? lockDataFolder(options.file) : undefined;
const connection = new Connection(options);

parentPort?.on("message", (request: WorkerRequest) => {
  parentPort?.postMessage(reply(request));
  if ("close" in request) parentPort?.close();
});
parentPort?.postMessage({ id: 0, result: undefined } satisfies WorkerReply);

function reply(request: WorkerRequest): WorkerReply {
  const { id } = request;
  try {
    if ("commit" in request) return { id, outcomes: commit(connection, request.commit) };
    if ("query" in request) return { id, result: answer(connection.toRead(), request.query) };
    connection.close();
    unlock?.();
    return { id, result: undefined };
  } catch (error) {
    return { id, error: messageOf(error) };
  }
}
