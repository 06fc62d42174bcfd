import { Worker } from "node:worker_threads";
import type { CheckedHead } from "./checked-head.ts";
import type { InvalidHead } from "./signature-worker.ts";

/** Checks the signatures of checkpoints on a thread of its own, while the records are hashed on this one. */
export class Signatures {
  readonly #worker: Worker;
  readonly #waiting: {
    resolve: (heads: readonly (CheckedHead | InvalidHead)[]) => void;
    reject: (e: Error) => void;
  }[] = [];
  #failed: Error | undefined;

  /** @param trustedKeys vkeys; none: signatures are not judged */
  constructor(trustedKeys: readonly string[]) {
    // Sources run as .ts, the built package as .js; TypeScript rewrites imports but not URLs.
    const script = import.meta.url.endsWith(".ts") ? "./signature-worker.ts" : "./signature-worker.js";
    this.#worker = new Worker(new URL(script, import.meta.url), {
      workerData: trustedKeys,
      env: {},
      name: "signatures",
    });
    this.#worker.on("message", (heads) => this.#waiting.shift()?.resolve(heads));
    this.#worker.on("error", (error) => this.#fail(error));
    this.#worker.on("exit", () => this.#fail(new Error("the thread that checks signatures has ended")));
  }

  /** @param notes checkpoints as they are stored */
  check(notes: readonly string[]): Promise<readonly (CheckedHead | InvalidHead)[]> {
    if (this.#failed !== undefined) return Promise.reject(this.#failed);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#worker.postMessage(notes);
    });
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #fail(error: Error): void {
    this.#failed ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}
