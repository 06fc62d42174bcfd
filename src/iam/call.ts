import { AsyncLocalStorage } from "node:async_hooks";

/** A read may be asked again within its deadline, so one attempt may take only this share of it. */
const ATTEMPT_SHARE = 0.5;

/**
 * One call to AWS: its deadline, and what became of its requests. The SDK resolves its middleware once per command and
 * takes no options of a single call then, so the call travels beside it, and the transport finds it with
 * {@link AwsCall.current}.
 */
export class AwsCall {
  static readonly #storage = new AsyncLocalStorage<AwsCall>();

  /** The change that an update belongs to; absent for reads. */
  readonly changeId: string | undefined;
  readonly #timeoutMs: number;
  readonly #abort = new AbortController();
  #sent = 0;
  #requestId: string | undefined;

  /**
   * @param timeoutMs time for all of it: credentials, every attempt, every page
   * @param changeId makes it an update: a single request leaves, whatever the SDK thinks of retries
   */
  constructor(timeoutMs: number, changeId?: string) {
    this.#timeoutMs = timeoutMs;
    this.changeId = changeId;
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

  /** Whether a request has been handed to the network. While it is false, IAM cannot have done anything. */
  get sent(): boolean {
    return this.#sent > 0;
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

  /** Asked right before a request leaves. Throws when it must not: then nothing is sent. */
  admitRequest(): void {
    if (this.#abort.signal.aborted) throw named("AbortError", "the deadline has passed");
    if (this.changeId !== undefined && this.sent) throw named("SecondAttempt", "an update is sent once");
    this.#sent += 1;
  }

  confirm(requestId: string): void {
    this.#requestId = requestId;
  }
}

/** An error that the SDK and our own translation tell by its name. */
export function named(name: string, message: string): Error {
  return Object.assign(new Error(message), { name });
}
