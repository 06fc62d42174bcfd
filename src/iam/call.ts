import { AsyncLocalStorage } from "node:async_hooks";

/** A read may be asked again within its deadline, so one attempt may take only this share of it. */
const ATTEMPT_SHARE = 0.5;

/** What makes a call an update. */
export interface UpdateCall {
  readonly changeId: string;
  /** Whether the change's own deadline still lets it go, by the clock that the deadline was set by. */
  readonly mayBeSent: () => boolean;
}

/**
 * One call to AWS: its deadline, and what became of its requests. The SDK resolves its middleware once per command and
 * takes no options of a single call then, so the call travels beside it, and the transport finds it with
 * {@link AwsCall.current}.
 */
export class AwsCall {
  static readonly #storage = new AsyncLocalStorage<AwsCall>();

  readonly #timeoutMs: number;
  readonly #update: UpdateCall | undefined;
  readonly #startedAt = performance.now();
  readonly #abort = new AbortController();
  #admitted = 0;
  #held = false;
  #requestId: string | undefined;

  /**
   * @param timeoutMs time for all of it: credentials, every attempt, every page
   * @param update makes it an update: a single request leaves, whatever the SDK thinks of retries
   */
  constructor(timeoutMs: number, update?: UpdateCall) {
    this.#timeoutMs = timeoutMs;
    this.#update = update;
  }

  /** The change that an update belongs to; absent for reads. */
  get changeId(): string | undefined {
    return this.#update?.changeId;
  }

  static current(): AwsCall | undefined {
    return AwsCall.#storage.getStore();
  }

  /** Aborted at the deadline. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Milliseconds that one request may take. */
  get attemptTimeoutMs(): number {
    return this.changeId === undefined ? this.#timeoutMs * ATTEMPT_SHARE : this.#timeoutMs;
  }

  /**
   * Whether anything of a request may have been written to a connection. While it is false, IAM cannot have done
   * anything; once the call has ended, it stays so.
   */
  get sent(): boolean {
    return this.#admitted > 0 && !this.#held;
  }

  /** AWS's request id of the newest success. */
  get requestId(): string | undefined {
    return this.#requestId;
  }

  /** Does the work, and rejects with a `DeadlineExceeded` error when it has not ended in time. */
  run<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#abort.abort();
        reject(named("DeadlineExceeded", "AWS did not answer within the deadline"));
      }, this.#timeoutMs);
      AwsCall.#storage
        .run(this, async () => work())
        .then(resolve, reject)
        .finally(() => clearTimeout(timer));
    });
  }

  /** Asked before a request is handed to the network. Throws when it must not be: then nothing is sent. */
  admitRequest(): void {
    if (this.#abort.signal.aborted) throw named("AbortError", "the deadline has passed");
    if (this.#update !== undefined && this.#admitted > 0) throw named("SecondAttempt", "an update is sent once");
    this.#admitted += 1;
  }

  /** Its one request waits for a connection: nothing of it is written before {@link release} says so. */
  hold(): void {
    this.#held = true;
  }

  /**
   * Asked when the connection stands, right before the first byte is written.
   * @returns whether it may be written; after a no, nothing ever is
   */
  release(): boolean {
    // Two clocks: a machine that was asleep, or whose time was set, is late by one of them. Timers alone are late
    // themselves after a standstill: what arrived meanwhile comes before them.
    const inTime = performance.now() - this.#startedAt < this.#timeoutMs && this.#update?.mayBeSent() !== false;
    if (!inTime || this.#abort.signal.aborted) return false;
    this.#held = false;
    return true;
  }

  confirm(requestId: string): void {
    this.#requestId = requestId;
  }
}

/** An error that the SDK and our own translation tell by its name. */
export function named(name: string, message: string): Error {
  return Object.assign(new Error(message), { name });
}
