import { LockkeeperError } from "../errors.ts";
import type { Operation, OperationOutcome, OperationResult, OperationResults, Store } from "./operation.ts";

export interface GroupCommitOptions {
  /** Milliseconds within which an operation must be durable; after that its caller is told that it is not. */
  readonly deadlineMs: number;
  /** Operations that may wait. Half of the places are kept for intents; outcomes are always taken. */
  readonly maxQueue: number;
  /** Milliseconds between two looks at whether the log is still there and still the same; default 1,000. */
  readonly probeMs?: number;
  /** Told of each batch that has come back from the store, to measure it; must not throw. */
  readonly onCommit?: (batch: CommittedBatch) => void;
  /** Told why the log has stopped taking records, and, without a reason, when it takes them again; must not throw. */
  readonly onHealth?: (reason?: Error) => void;
}

/** A batch that the store has answered for, or has not. */
export interface CommittedBatch {
  /** 0 of a try whether the store takes anything. */
  readonly operations: number;
  readonly seconds: number;
  /** Whether the store took it, and every operation of it that breaks no rule of the log. */
  readonly ok: boolean;
  /** Whether the store has said that it takes nothing any more: the log is not what it was. */
  readonly poisoned: boolean;
}

interface Waiting {
  readonly operation: Operation;
  readonly settle: (outcome: OperationOutcome) => void;
  /** Called when the caller was told that the log could not take it, and it did or may have. */
  readonly whenAbandoned: ((result?: OperationResult) => void) | undefined;
  timer: NodeJS.Timeout | undefined;
  expired: boolean;
}

/** How long an outcome that could not be written, and an unhealthy store, wait for the next try. */
const RETRY_MS = 500;
/** A log that was deleted or exchanged is noticed as soon, also when nobody writes. */
const PROBE_MS = 1_000;
/** A batch's bound, so that one transaction never takes long. */
const MAX_BATCH = 512;

/**
 * Lets concurrent callers share one commit: while the store writes one batch, the next one gathers. Bounded in length
 * and time, and never the reason that somebody waits for ever: a hung disk turns into `audit-unavailable`.
 */
export class GroupCommit {
  readonly #store: Pick<Store, "commit" | "check">;
  readonly #options: GroupCommitOptions;
  #queue: Waiting[] = [];
  #committing = false;
  /** Why the log takes nothing now, as far as is known. */
  #trouble: Error | undefined;
  #closed = false;
  #retry: NodeJS.Timeout | undefined;
  readonly #probe: NodeJS.Timeout;
  #probing = false;
  #idle: (() => void) | undefined;

  constructor(store: Pick<Store, "commit" | "check">, options: GroupCommitOptions) {
    this.#store = store;
    this.#options = options;
    this.#probe = setInterval(() => void this.#look(), options.probeMs ?? PROBE_MS);
    this.#probe.unref();
  }

  /** Operations that have not left for the store yet. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** Whether the last batch was written in time, and the log has been found as it should be since. */
  get healthy(): boolean {
    return this.#trouble === undefined && !this.#closed;
  }

  /**
   * Resolves when the operation is durable.
   * @param whenAbandoned called with the result when the operation became durable although its caller got an error, and
   *   without one when it may have; must not throw
   * @throws LockkeeperError `audit-unavailable`, or `internal` when it breaks a rule of the log
   */
  async write<K extends Operation["kind"]>(
    operation: Extract<Operation, { kind: K }>,
    whenAbandoned?: (result?: OperationResults[K]) => void,
  ): Promise<OperationResults[K]> {
    if (this.#closed) throw unavailable("it is closed");
    if (this.#isFullFor(operation)) throw unavailable("too many records are waiting");
    const outcome = await new Promise<OperationOutcome>((settle) => {
      const waiting: Waiting = {
        operation,
        settle,
        whenAbandoned: whenAbandoned as Waiting["whenAbandoned"],
        timer: undefined,
        expired: false,
      };
      waiting.timer = setTimeout(() => this.#expire(waiting), this.#options.deadlineMs);
      this.#queue.push(waiting);
      this.#pump();
    });
    if (outcome.ok) return outcome.result as OperationResults[K];
    if (outcome.failure === "refused") throw refused(outcome.message);
    const forGood = outcome.failure === "poisoned" || outcome.failure === "key-replaced";
    throw forGood ? stopped(outcome.message) : unavailable(outcome.message);
  }

  /** Writes what waits and takes nothing more. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    clearInterval(this.#probe);
    if (this.#committing || this.#queue.length > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
        this.#pump();
      });
    }
  }

  #isFullFor(operation: Operation): boolean {
    const waiting = this.#queue.length;
    if (operation.kind === "finish") return false;
    return waiting >= (operation.kind === "begin" ? this.#options.maxQueue : this.#options.maxQueue / 2);
  }

  #expire(waiting: Waiting): void {
    waiting.expired = true;
    const message = `it was not durable within ${this.#options.deadlineMs} ms`;
    this.#becomeUnhealthy(message);
    waiting.settle({ ok: false, failure: "unknown", message });
    // What has not left for the store yet need not go there. An outcome is worth keeping whoever still listens.
    if (waiting.operation.kind !== "finish") {
      const at = this.#queue.indexOf(waiting);
      if (at >= 0) this.#queue.splice(at, 1);
    }
  }

  /** Asks the store whether its log is what it was; an answer that does not come is one as well. */
  async #look(): Promise<void> {
    if (this.#probing) return;
    this.#probing = true;
    const slow = `it could not be looked at within ${this.#options.deadlineMs} ms`;
    const late = setTimeout(() => this.#becomeUnhealthy(slow), this.#options.deadlineMs);
    late.unref();
    try {
      await this.#store.check();
    } catch (error) {
      this.#becomeUnhealthy(messageOf(error));
    } finally {
      clearTimeout(late);
      this.#probing = false;
    }
  }

  #becomeUnhealthy(why: string): void {
    this.#setTrouble(new Error(why));
    this.#retryLater();
  }

  #setTrouble(trouble: Error | undefined): void {
    const changed = (trouble === undefined) !== (this.#trouble === undefined);
    this.#trouble = trouble;
    if (changed && !this.#closed) this.#options.onHealth?.(trouble);
  }

  #pump(): void {
    if (this.#committing || this.#queue.length === 0) return;
    this.#committing = true;
    // What the same turn of the event loop still queues shares the commit: the requests on every connection that has one
    // ready, and not the first of them alone. When nothing else is ready, the turn is over at once.
    setImmediate(() => void this.#commit());
  }

  async #commit(): Promise<void> {
    const batch = this.#queue.splice(0, MAX_BATCH);
    const startedAt = performance.now();
    let outcomes: readonly OperationOutcome[];
    let failure: string | undefined;
    try {
      outcomes = await this.#store.commit(batch.map((waiting) => waiting.operation));
    } catch (error) {
      const message = messageOf(error);
      outcomes = batch.map(() => ({ ok: false, failure: "unknown", message }));
      failure = message;
    }
    const failed = outcomes.find((outcome) => !outcome.ok && outcome.failure !== "refused");
    if (failed?.ok === false) failure ??= failed.message;
    this.#setTrouble(failure === undefined ? undefined : new Error(failure));
    const seconds = (performance.now() - startedAt) / 1000;
    const poisoned = outcomes.some((outcome) => !outcome.ok && outcome.failure === "poisoned");
    this.#options.onCommit?.({ operations: batch.length, seconds, ok: failure === undefined, poisoned });
    const again: Waiting[] = [];
    for (const [index, waiting] of batch.entries()) {
      const outcome = outcomes[index] ?? { ok: false, failure: "unknown", message: "the store gave no answer" };
      clearTimeout(waiting.timer);
      if (!waiting.expired) waiting.settle(outcome);
      else if (outcome.ok) waiting.whenAbandoned?.(outcome.result);
      if (outcome.ok || outcome.failure === "refused") continue;
      if (outcome.failure === "unknown") waiting.whenAbandoned?.();
      if (waiting.operation.kind === "finish" && !this.#closed) again.push({ ...waiting, expired: true });
    }
    this.#queue.unshift(...again);
    this.#committing = false;
    if (this.#trouble !== undefined) this.#retryLater();
    if (again.length === 0 || this.#queue.length > again.length) this.#pump();
    if (this.#idle !== undefined && !this.#committing) this.#idle();
  }

  /** Until a batch goes through again: an empty one asks, and outcomes that could not be written are tried once more. */
  #retryLater(): void {
    if (this.#retry !== undefined || this.#closed) return;
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      if (this.#trouble === undefined || this.#committing) {
        if (this.#trouble !== undefined) this.#retryLater();
        return;
      }
      this.#committing = true;
      void this.#commit();
    }, RETRY_MS);
    this.#retry.unref();
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : "the store failed";
}

function refused(why: string): LockkeeperError {
  return new LockkeeperError("internal", `The audit log does not take this record: ${why}.`);
}

function stopped(why: string): LockkeeperError {
  return new LockkeeperError(
    "audit-unavailable",
    `The audit log takes no records any more, so nothing was sent to IAM: ${why}.`,
  );
}

function unavailable(why: string): LockkeeperError {
  return new LockkeeperError(
    "audit-unavailable",
    `The audit log cannot take a record now (${why}), so nothing was sent to IAM. Try again; if it lasts, look at the disk, or the database server, that the log is on.`,
    { retryAfter: 1 },
  );
}
