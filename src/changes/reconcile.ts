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
  readonly journal: Pick<Journal, "overdue" | "finish">;
  readonly clock: Clock;
  /** Milliseconds after a change's deadline before the first look: an update that was already on its way has landed by then. */
  readonly graceMs: number;
  /** Milliseconds after the deadline at which a credential that cannot be read is given up, and freed. */
  readonly giveUpMs: number;
  readonly readDeadlineMs: number;
  /** Told of each change that a pass settled, and of `unresolved` ones, which somebody has to look at. */
  readonly onSettled: (changeId: string, readBack: ReadBack) => void;
  /** Told when a pass could not do its work. */
  readonly onFault: (error: unknown) => void;
}

/**
 * Settles what a crash or a lost answer left open: reads the credential's status back and records what it saw. It never
 * sends a change again. Two passes have to see the same before it is believed (IAM's lists are eventually consistent).
 */
export class Reconciler {
  readonly #options: ReconcileOptions;
  #seen = new Map<string, ObservedStatus | null>();
  #pass: Promise<void> | undefined;
  #stopped = new AbortController();

  constructor(options: ReconcileOptions) {
    this.#options = options;
  }

  /** Passes over all overdue changes now and then every `intervalMs`, until stopped. */
  start(intervalMs: number): void {
    const { clock, onFault } = this.#options;
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

  /** Resolves when the pass under way has ended. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#pass;
  }

  /** One look at every overdue change. */
  async pass(): Promise<void> {
    const { journal, clock, graceMs, onFault } = this.#options;
    const overdue = await journal.overdue(clock.now() - graceMs);
    const seen = new Map<string, ObservedStatus | null>();
    for (const change of overdue) {
      if (this.#stopped.signal.aborted) return;
      try {
        const readBack = await this.#look(change, seen);
        if (readBack !== undefined) await this.#settle(change, readBack);
      } catch (error) {
        // One change that cannot be settled must not keep the others from it.
        onFault(error);
      }
    }
    this.#seen = seen;
  }

  async #look(change: OverdueChange, seen: Map<string, ObservedStatus | null>): Promise<ReadBack | undefined> {
    const { clock, giveUpMs, readDeadlineMs } = this.#options;
    const { id, account, type, credentialId, userName, status, deadline } = change;
    const observed = await this.#statusOf({ account, type, id: credentialId, userName }, readDeadlineMs);
    if (observed !== undefined) {
      if (this.#seen.has(id) && this.#seen.get(id) === observed) {
        return { result: observed === status ? "as-wanted" : "not-as-wanted", observed };
      }
      seen.set(id, observed);
      return undefined;
    }
    return clock.now() - deadline > giveUpMs ? { result: "unresolved", observed: null } : undefined;
  }

  /** Null when the credential, or its user, is not there any more; undefined when IAM could not be asked. */
  async #statusOf(credential: Credential, timeoutMs: number): Promise<ObservedStatus | null | undefined> {
    try {
      return await this.#options.iam.statusOf(credential, timeoutMs);
    } catch (error) {
      if (!(error instanceof LockkeeperError)) throw error;
      return error.code === "iam-entity-not-found" ? null : undefined;
    }
  }

  async #settle({ id, records }: OverdueChange, readBack: ReadBack): Promise<void> {
    const { journal, clock, onSettled } = this.#options;
    const at = clock.now();
    const change = statusChangeOf(records, at)?.change;
    if (change === undefined) throw new Error(`the records of change ${id} cannot be read`);
    const record = reconciledRecord(change, readBack, at);
    const { appended } = await journal.finish(id, { record, step: "reconciled", release: true, at });
    if (appended) onSettled(id, readBack);
  }
}
