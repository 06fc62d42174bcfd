import { Worker } from "node:worker_threads";
import { parseVerifier } from "../../tlog/note.ts";
import { type CheckedHead, checkHeads, type InvalidHead } from "./checked-head.ts";

/** Fewer signatures are checked sooner than a thread has started. */
const WORTH_A_THREAD = 256;

interface Waiting {
  resolve(heads: readonly (CheckedHead | InvalidHead)[]): void;
  reject(error: Error): void;
}

/** Checks the signatures of checkpoints, many of them on a thread of its own while the records are hashed on this one. */
export class Signatures {
  readonly #trustedKeys: readonly string[];
  readonly #waiting: Waiting[] = [];
  #worker: Worker | undefined;
  #failed: Error | undefined;

  /** @param trustedKeys vkeys; none: signatures are not judged */
  constructor(trustedKeys: readonly string[]) {
    this.#trustedKeys = trustedKeys;
  }

  /** @param notes checkpoints as they are stored */
  async check(notes: readonly string[]): Promise<readonly (CheckedHead | InvalidHead)[]> {
    if (this.#failed !== undefined) throw this.#failed;
    if (this.#worker === undefined && notes.length < WORTH_A_THREAD) {
      return checkHeads(notes, this.#trustedKeys.map(parseVerifier));
    }
    const worker = this.#started();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      worker.postMessage(notes);
    });
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  #started(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    // Sources run as .ts, the built package as .js; TypeScript rewrites imports but not URLs.
    const script = import.meta.url.endsWith(".ts") ? "./signature-worker.ts" : "./signature-worker.js";
    const options = { workerData: this.#trustedKeys, env: {}, name: "signatures" };
    const worker = new Worker(new URL(script, import.meta.url), options);
    worker.on("message", (heads) => this.#waiting.shift()?.resolve(heads));
    worker.on("error", (error) => this.#fail(error));
    worker.on("exit", () => this.#fail(new Error("the thread that checks signatures has ended")));
    this.#worker = worker;
    return worker;
  }

  #fail(error: Error): void {
    this.#failed ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}
