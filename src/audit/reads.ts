import { LockkeeperError } from "../errors.ts";
import type { StoredKey } from "./journal.ts";
import type { Query, QueryResults, Store } from "./operation.ts";

/** Questions that may wait for a store at once; a hung disk answers none of them. */
const MAX_OUTSTANDING = 256;

/** Questions to a store, each within the deadline, and never more than the store can be asked at once. */
export class Reads {
  readonly #store: Pick<Store, "query">;
  readonly #deadlineMs: number;
  #outstanding = 0;
  #apiKeys: Promise<readonly StoredKey[]> | undefined;

  constructor(store: Pick<Store, "query">, deadlineMs: number) {
    this.#store = store;
    this.#deadlineMs = deadlineMs;
  }

  /** @throws LockkeeperError `audit-unreadable` */
  async ask<K extends Query["kind"]>(query: Extract<Query, { kind: K }>): Promise<QueryResults[K]> {
    if (this.#outstanding >= MAX_OUTSTANDING) throw unreadable("too many questions are waiting");
    return this.#withinDeadline(this.#query<K>(query));
  }

  /**
   * The keys are asked for again and again: whoever asks while the store still looks for them shares its answer.
   * @throws LockkeeperError `audit-unreadable`
   */
  async apiKeys(): Promise<readonly StoredKey[]> {
    this.#apiKeys ??= this.#query<"api-keys">({ kind: "api-keys" }).finally(() => {
      this.#apiKeys = undefined;
    });
    return this.#withinDeadline(this.#apiKeys);
  }

  async #query<K extends Query["kind"]>(query: Extract<Query, { kind: K }>): Promise<QueryResults[K]> {
    this.#outstanding += 1;
    try {
      return await this.#store.query<K>(query);
    } finally {
      // Not at the deadline: the store still has the question then.
      this.#outstanding -= 1;
    }
  }

  async #withinDeadline<T>(answer: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${this.#deadlineMs} ms`)), this.#deadlineMs);
    });
    try {
      return await Promise.race([answer, late]);
    } catch (cause) {
      throw unreadable(cause instanceof Error ? cause.message : "the store failed", cause);
    } finally {
      clearTimeout(timer);
    }
  }
}

function unreadable(why: string, cause?: unknown): LockkeeperError {
  return new LockkeeperError(
    "audit-unreadable",
    `The audit log cannot be read now (${why}). Try again; if it lasts, look at the disk, or the database server, that the log is on.`,
    { retryAfter: 1 },
    { cause },
  );
}
