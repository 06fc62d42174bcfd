import type { Journal, OverdueChange } from "../audit/journal.ts";
import { reconciledRecord } from "../audit/record.ts";
import type { Clock } from "../clock.ts";
import { LockkeeperError } from "../errors.ts";
import type { Credential, ObservedStatus } from "./credential.ts";
import type { Iam } from "./iam-answers.ts";
import type { ReadBack } from "./outcome.ts";
import { statusChangeOf } from "./status-change.ts";

export interface ReconcileOptions {
  readonly iam: Pick<Iam, "statusOf">;
  readonly journal: Pick<Journal, "overdue" | "finish" | "lease" | "endLease">;
  readonly clock: Clock;
  /** This run of the service: of all that share the log, one at a time reconciles. */
  readonly instance: string;
  /** Milliseconds between two passes. */
  readonly intervalMs: number;
  /** Milliseconds that a change may take at IAM. */
  readonly iamDeadlineMs: number;
  /**
   * Milliseconds after a change's deadline and IAM's, before the first look: an update that was already on its way has
   * landed by then, and no clock of the instances that share the log is so far ahead of another.
   */
  readonly graceMs: number;
  /** Milliseconds after the deadline at which a credential that cannot be read is given up, and freed. */
  readonly giveUpMs: number;
  readonly readDeadlineMs: number;
  /** Told of each change that a pass settled, and of `unresolved` ones, which somebody has to look at. */
  readonly onSettled: (changeId: string, readBack: ReadBack) => void;
  /** Told when a pass could not do its work. */
  readonly onFault: (error: unknown) => void;
  /** Told after each pass whether it was this instance's to make. */
  readonly onPass?: (held: boolean) => void;
}

/** Name of the lease in the log's store. */
const LEASE = "reconciler";

/** What a look at a credential told; null when it, or its user, is not there any more. */
type Seen = ObservedStatus | null | "unreadable";

/**
 * Settles what a crash or a lost answer left open: reads the credential's status back and records what it saw. It never
 * sends a change again. Two passes in a row have to see the same before it is believed (IAM's lists are eventually
 * consistent).
 *
 * Of the instances that share a log one makes the passes: who holds the lease. It is there to save IAM's quota and not
 * for the log's sake, which takes one reconciliation of a change and no second one, whoever brings it.
 */
export class Reconciler {
  readonly #options: ReconcileOptions;
  readonly #leaseMs: number;
  readonly #stopped = new AbortController();
  #seen = new Map<string, Seen>();
  #pass: Promise<void> | undefined;
  /** Epoch milliseconds until which the lease is taken for granted; 0 without one. */
  #heldUntil = 0;

  constructor(options: ReconcileOptions) {
    this.#options = options;
    // Long enough to outlast a pass or two that come late, short enough for another to take over soon.
    this.#leaseMs = 3 * options.intervalMs + 2 * options.readDeadlineMs;
  }

  /** Passes over all overdue changes now and then at every interval, until stopped. */
  start(): void {
    const { clock, intervalMs, onFault } = this.#options;
    const run = async () => {
      while (!this.#stopped.signal.aborted) {
        this.#pass = this.pass().catch(onFault);
        await this.#pass;
        await clock.sleep(intervalMs, this.#stopped.signal);
      }
    };
    // The sleep ends with the abort's reason when it is stopped: that is its end and no fault.
    void run().catch((error) => this.#stopped.signal.aborted || onFault(error));
  }

  /** Resolves when the pass under way has ended, and another instance may go on at once. */
  async stop(): Promise<void> {
    const { journal, instance, onFault } = this.#options;
    this.#stopped.abort();
    await this.#pass;
    if (this.#heldUntil === 0) return;
    this.#heldUntil = 0;
    // Whoever waits for the lease has it soon enough without this.
    await journal.endLease(LEASE, instance).catch(onFault);
  }

  /** One look at every overdue change, if this instance holds the lease, and for as long as it does. */
  async pass(): Promise<void> {
    this.#heldUntil = 0;
    const held = (await this.#holdsLease()) && (await this.#look());
    // What others have seen and done meanwhile is not known, so what was seen before counts no more.
    if (!held) this.#seen.clear();
    this.#options.onPass?.(held);
  }

  /** @returns whether the lease was held to the end */
  async #look(): Promise<boolean> {
    const { journal, clock, iamDeadlineMs, graceMs, onFault } = this.#options;
    const overdue = await journal.overdue(clock.now() - iamDeadlineMs - graceMs);
    const seen = new Map<string, Seen>();
    for (const change of overdue) {
      if (this.#stopped.signal.aborted) return true;
      // One change that cannot be settled must not keep the others from it.
      try {
        seen.set(change.id, await this.#statusOf(change));
      } catch (error) {
        onFault(error);
      }
      // The look may have taken long, and this process may have stood still in it.
      if (!(await this.#holdsLease())) return false;
      try {
        await this.#settle(change, seen.get(change.id));
      } catch (error) {
        onFault(error);
      }
    }
    this.#seen = seen;
    return true;
  }

  /** Undefined while nothing can be said: two looks in a row must agree. */
  #conclude({ id, status, deadline }: OverdueChange, observed: Seen): ReadBack | undefined {
    const { clock, giveUpMs } = this.#options;
    if (!this.#seen.has(id) || this.#seen.get(id) !== observed) return undefined;
    if (observed !== "unreadable") {
      return { result: observed === status ? "as-wanted" : "not-as-wanted", observed };
    }
    return clock.now() - deadline > giveUpMs ? { result: "unresolved", observed: null } : undefined;
  }

  async #statusOf({ account, type, credentialId: id, userName }: OverdueChange): Promise<Seen> {
    const { iam, readDeadlineMs } = this.#options;
    const credential: Credential = { account, type, id, userName };
    try {
      return await iam.statusOf(credential, readDeadlineMs);
    } catch (error) {
      if (!(error instanceof LockkeeperError)) throw error;
      return error.code === "iam-entity-not-found" ? null : "unreadable";
    }
  }

  /** Takes the lease, or keeps it; the store is asked only when it may run out soon. */
  async #holdsLease(): Promise<boolean> {
    const { journal, clock, instance } = this.#options;
    const now = clock.now();
    if (now < this.#heldUntil) return true;
    const held = await journal.lease(LEASE, instance, now, this.#leaseMs);
    this.#heldUntil = held ? now + this.#leaseMs / 2 : 0;
    return held;
  }

  async #settle(overdue: OverdueChange, observed: Seen | undefined): Promise<void> {
    const { journal, clock, onSettled } = this.#options;
    const { id, records } = overdue;
    const readBack = observed === undefined ? undefined : this.#conclude(overdue, observed);
    if (readBack === undefined) return;
    const at = clock.now();
    const change = statusChangeOf(records, at)?.change;
    if (change === undefined) throw new Error(`the records of change ${id} cannot be read`);
    const record = reconciledRecord(change, readBack, at);
    // Freed whatever was seen: nothing of this change is sent any more, and nobody is to be locked out by it.
    const { appended } = await journal.finish(id, { record, step: "reconciled", release: true, at });
    if (appended) onSettled(id, readBack);
  }
}
