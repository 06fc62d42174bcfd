import { type Transferable, Worker } from "node:worker_threads";
import { threadEnvironment } from "../../thread-environment.ts";
import { parseVerifier } from "../../tlog/note.ts";
import type { LogEntry } from "../log-reader.ts";
import { type CheckedHead, checkHeads, type InvalidHead } from "./checked-head.ts";
import { packLeaves, wrongLeaves } from "./leaves.ts";
import type { LeavesAnswer, WorkerRequest } from "./worker.ts";

/** Fewer of each are done sooner than a thread has started. */
const LEAVES_WORTH_A_THREAD = 2048;
const HEADS_WORTH_A_THREAD = 256;
/** Requests that may be under way; each holds up to some megabytes. */
const MOST_WAITING = 8;

interface Waiting {
  resolve(answer: unknown): void;
  reject(error: Error): void;
}

/** Hashing and checking signatures, on a thread of its own when there is much of it. */
export class Background {
  readonly #trustedKeys: readonly string[];
  readonly #waiting: Waiting[] = [];
  #worker: Worker | undefined;
  #failed: Error | undefined;
  #leaves = 0;
  readonly #spares: ArrayBuffer[] = [];

  /** @param trustedKeys vkeys; none: signatures are not judged */
  constructor(trustedKeys: readonly string[]) {
    this.#trustedKeys = trustedKeys;
  }

  /** Whether whoever has more work should wait for the answer to some of it. */
  get busy(): boolean {
    return this.#waiting.length >= MOST_WAITING;
  }

  /** @param notes checkpoints as they are stored */
  async heads(notes: readonly string[]): Promise<readonly (CheckedHead | InvalidHead)[]> {
    if (this.#worker === undefined && notes.length < HEADS_WORTH_A_THREAD) {
      return checkHeads(notes, this.#trustedKeys.map(parseVerifier));
    }
    return this.#ask<readonly (CheckedHead | InvalidHead)[]>({ notes });
  }

  /**
   * Compares bodies with their stored leaf hashes.
   * @returns indexes of those that are not what was hashed
   */
  async wrongLeaves(entries: readonly LogEntry[]): Promise<readonly number[]> {
    const { indexes, leaves } = packLeaves(entries, this.#spares.pop());
    this.#leaves += indexes.length;
    const { wrong, spare } =
      this.#worker === undefined && this.#leaves < LEAVES_WORTH_A_THREAD
        ? { wrong: wrongLeaves(leaves), spare: leaves.bytes.buffer }
        : await this.#ask<LeavesAnswer>({ leaves }, [leaves.bytes.buffer, leaves.ends.buffer, leaves.hashes.buffer]);
    this.#spares.push(spare);
    return wrong.flatMap((at) => indexes[at] ?? []);
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  #ask<T>(request: WorkerRequest, transfer: readonly Transferable[] = []): Promise<T> {
    if (this.#failed !== undefined) return Promise.reject(this.#failed);
    const worker = this.#started();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve: (answer) => resolve(answer as T), reject });
      worker.postMessage(request, transfer);
    });
  }

  #started(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    // Sources run as .ts, the built package as .js; TypeScript rewrites imports but not URLs.
    const script = import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js";
    const worker = new Worker(new URL(script, import.meta.url), {
      workerData: this.#trustedKeys,
      env: threadEnvironment(),
      name: "verify",
    });
    worker.on("message", (answer) => this.#waiting.shift()?.resolve(answer));
    worker.on("error", (error) => this.#fail(error));
    worker.on("exit", () => this.#fail(new Error("the thread that hashes has ended")));
    this.#worker = worker;
    return worker;
  }

  #fail(error: Error): void {
    this.#failed ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}
