// The thread that hashes bodies and checks signatures, which is most of the work of a verification.
import { parentPort, workerData } from "node:worker_threads";
import { parseVerifier } from "../../tlog/note.ts";
import { checkHeads } from "./checked-head.ts";
import { type Leaves, wrongLeaves } from "./leaves.ts";

export type WorkerRequest = { readonly notes: readonly string[] } | { readonly leaves: Leaves };

export interface LeavesAnswer {
  readonly wrong: readonly number[];
  /** The memory of the bodies, given back. */
  readonly spare: ArrayBuffer;
}

const verifiers = (workerData as readonly string[]).map(parseVerifier);

parentPort?.on("message", (request: WorkerRequest) => {
  if ("notes" in request) {
    parentPort?.postMessage(checkHeads(request.notes, verifiers));
    return;
  }
  const { buffer } = request.leaves.bytes;
  parentPort?.postMessage({ wrong: wrongLeaves(request.leaves), spare: buffer } satisfies LeavesAnswer, [buffer]);
});
