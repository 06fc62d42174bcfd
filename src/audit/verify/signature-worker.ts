// The thread that checks signatures: each takes ten times as long as hashing a record does.
import { parentPort, workerData } from "node:worker_threads";
import { parseVerifier } from "../../tlog/note.ts";
import { checkHeads } from "./checked-head.ts";

const verifiers = (workerData as readonly string[]).map(parseVerifier);

parentPort?.on("message", (notes: readonly string[]) => parentPort?.postMessage(checkHeads(notes, verifiers)));
