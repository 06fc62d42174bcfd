import { Worker } from "node:worker_threads";
import { LockkeeperError } from "../../errors.ts";
import { threadEnvironment } from "../../thread-environment.ts";
import type { LogKeys } from "../log-keys.ts";
import type { Operation, OperationOutcome, Query, QueryResult, QueryResults, Store } from "../operation.ts";
import type { WorkerOptions, WorkerReply, WorkerRequest } from "./worker.ts";

export interface SqliteStoreOptions {
  /** True for a gateway: a second one on the same folder is refused. */
  readonly exclusive: boolean;
  /** The AWS account whose changes the log holds, or `sandbox`. A folder that belongs to another one is refused. */
  readonly owner: string;
  readonly keys: LogKeys;
  /** Epoch milliseconds; default: the machine's clock. */
  readonly now?: () => number;
}

/** Questions that are with the thread at once: a commit that comes waits for no more than these. */
const MAX_ASKED = 4;

type Unnumbered<T> = T extends { id: number } ? Omit<T, "id"> : never;

/**
 * The log in one SQLite file, owned by a thread of its own.
 * @param file path of the database, `data/lockkeeper.db`
 * @throws LockkeeperError `audit-unavailable`: locked by another gateway, not writable, written by a newer version,
 *   another owner's, another log, not ending as it was written, signed by a key that is not trusted
 */
export async function openSqliteStore(file: string, options: SqliteStoreOptions): Promise<Store> {
  const { now = Date.now, ...rest } = options;
  const store = new SqliteStore({ file, ...rest, now: now() });
  await store.opened;
  return store;
}

class SqliteStore implements Store {
  readonly opened: Promise<void>;
  readonly failed: Promise<Error>;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, { resolve: (reply: WorkerReply) => void; reject: (error: Error) => void }>();
  /** Let a question go to the thread that waits for another one's answer. */
  readonly #next: (() => void)[] = [];
  #asked = 0;
  #lastId = 0;
  #closed = false;
  #dead: Error | undefined;
  #reportDeath: (error: Error) => void = () => {};

  constructor(options: WorkerOptions) {
    // Sources run as .ts, the built package as .js; TypeScript rewrites imports but not URLs.
    const script = import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js";
    this.#worker = new Worker(new URL(script, import.meta.url), {
      workerData: options,
      env: threadEnvironment(),
      name: "audit",
      // It holds one batch at a time; a small heap keeps the service small.
      resourceLimits: { maxYoungGenerationSizeMb: 8, maxOldGenerationSizeMb: 128 },
    });
    this.failed = new Promise((resolve) => {
      this.#reportDeath = resolve;
    });
    this.opened = new Promise((resolve, reject) => this.#waiting.set(0, { resolve: () => resolve(), reject }));
    this.#worker.on("message", (reply: WorkerReply) => {
      this.#waiting.get(reply.id)?.resolve(reply);
      this.#waiting.delete(reply.id);
    });
    this.#worker.on("messageerror", (error) => this.#die(error));
    this.#worker.on("error", (error) => this.#die(error));
    this.#worker.on("exit", () => this.#die(new Error("the audit thread has ended")));
  }

  async commit(batch: readonly Operation[]): Promise<readonly OperationOutcome[]> {
    const reply = await this.#ask({ commit: batch });
    if ("outcomes" in reply) return reply.outcomes;
    throw new Error("error" in reply ? reply.error : "the audit thread gave no outcomes");
  }

  async query<K extends Query["kind"]>(query: Extract<Query, { kind: K }>): Promise<QueryResults[K]> {
    if (this.#asked >= MAX_ASKED) await new Promise<void>((resolve) => this.#next.push(resolve));
    this.#asked += 1;
    try {
      const reply = await this.#ask({ query });
      if ("error" in reply) throw new Error(reply.error);
      return ("result" in reply ? reply.result : undefined) as QueryResult as QueryResults[K];
    } finally {
      this.#asked -= 1;
      this.#next.shift()?.();
    }
  }

  async check(): Promise<void> {
    const reply = await this.#ask({ check: true });
    if ("error" in reply) throw new Error(reply.error);
  }

  async close(): Promise<void> {
    if (this.#dead !== undefined || this.#closed) return;
    this.#closed = true;
    await this.#ask({ close: true });
    await this.#worker.terminate();
  }

  #ask(request: Unnumbered<WorkerRequest>): Promise<WorkerReply> {
    if (this.#dead !== undefined) return Promise.reject(this.#dead);
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      // A request that cannot be sent throws here, and so rejects; then nothing waits for it.
      this.#worker.postMessage({ id, ...request });
      this.#waiting.set(id, { resolve, reject });
    });
  }

  /** A dead thread is not started again under a running service: its lock is gone, so the service must end. */
  #die(error: Error): void {
    if (this.#dead !== undefined) return;
    // Errors lose their class and their code on the way between threads.
    this.#dead = new LockkeeperError("audit-unavailable", error.message, {}, { cause: error });
    if (!this.#closed) this.#reportDeath(this.#dead);
    for (const { reject } of this.#waiting.values()) reject(this.#dead);
    this.#waiting.clear();
  }
}
