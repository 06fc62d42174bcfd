import { type ActivatedPolicy, policyQuarantinedRecord, policyRecord } from "../audit/policy-record.ts";
import type { Clock } from "../clock.ts";
import { BundleUpdates } from "./bundle-updates.ts";
import type { DataSource } from "./data.ts";
import type { DataShelf } from "./data-shelf.ts";
import { DataUpdates } from "./data-updates.ts";
import { noPolicies } from "./no-policies.ts";
import type { PolicyDecisionPoint } from "./pdp.ts";
import type { PreparedPolicy } from "./preparation.ts";
import { told } from "./put-in-force.ts";
import type { BundleShelf } from "./shelf.ts";
import type { Verification } from "./signing/verify.ts";
import type { BundleSource } from "./sources/source.ts";
import type { PolicyEvent, PolicyState } from "./update-events.ts";
import { type PolicyLedger, PolicyRecords } from "./update-records.ts";
import { PolicyTroubles } from "./update-troubles.ts";

export interface PolicyUpdatesOptions {
  readonly source: BundleSource;
  readonly data: DataSource;
  readonly shelf: BundleShelf;
  readonly dataShelf: DataShelf;
  /** Without it bundles are believed as they are. */
  readonly verification?: Verification | undefined;
  readonly pdp: Pick<PolicyDecisionPoint, "prepare" | "swap" | "active" | "lastGood">;
  readonly clock: Clock;
  /** Milliseconds between two looks at the source and at the data. */
  readonly pollMs: number;
  /** Milliseconds after which policies that their source has not confirmed decide no more. */
  readonly maxAgeMs?: number | undefined;
  /** 0 <= random < 1. */
  readonly random?: () => number;
  /** Told what happens, to log and count it; must not throw. */
  readonly onEvent?: (event: PolicyEvent) => void;
}

const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 30_000;
/** A service that says it waits but does not is asked no more often than others. */
const LEAST_WAIT_MS = 1_000;

/**
 * Keeps policies up to date: new bundles and new data are looked for, checked and prepared beside what decides, and put
 * in force in one step. Whatever is wrong with them changes nothing.
 */
export class PolicyUpdates {
  readonly #options: PolicyUpdatesOptions;
  readonly #onEvent: (event: PolicyEvent) => void;
  readonly #records = new PolicyRecords();
  readonly #troubles: PolicyTroubles;
  readonly #bundles: BundleUpdates;
  readonly #data: DataUpdates;
  /** One at a time: bundles and data are looked at by themselves. */
  #turn: Promise<unknown> = Promise.resolve();
  #failures = 0;

  constructor(options: PolicyUpdatesOptions) {
    const { pdp, clock, shelf, dataShelf, verification, data, onEvent = () => {} } = options;
    this.#options = options;
    this.#onEvent = onEvent;
    this.#troubles = new PolicyTroubles(clock, this.#records, onEvent);
    const parts = { pdp, clock, onEvent, records: this.#records, troubles: this.#troubles };
    this.#data = new DataUpdates({ ...parts, source: data, shelf: dataShelf });
    this.#bundles = new BundleUpdates({ ...parts, shelf, verification, data: this.#data });
  }

  /**
   * Puts policies in force at start: the source's, or the last good ones when these cannot be had.
   * @throws LockkeeperError `configuration` for the site's data, `policy-unavailable` when there are no policies at all
   */
  async open(): Promise<void> {
    const { source, pdp } = this.#options;
    this.#data.open();
    try {
      await this.#bundles.take(await source.look(undefined, new AbortController().signal));
      if (pdp.active !== undefined) return;
    } catch (error) {
      this.#fail(error);
    }
    const cause = this.#troubles.first;
    let insteads: Error | undefined;
    await this.#bundles.takeLastGood().catch((error: unknown) => {
      insteads = asError(error);
      this.#tell(insteads);
    });
    if (pdp.active === undefined) throw noPolicies(source.name, cause, insteads);
  }

  /** Records what happened at start, and then looks for news until the signal aborts. Resolves when that has ended. */
  async run(ledger: PolicyLedger, signal: AbortSignal): Promise<void> {
    this.#records.open(ledger);
    const loop = async (step: () => Promise<number>, first: number) => {
      for (let ms = first; ; ms = await step()) {
        await this.#options.clock.sleep(ms, signal).catch(() => {});
        if (signal.aborted) return;
      }
    };
    await this.#records.settle().catch((error: unknown) => this.#fail(error));
    const { pollMs } = this.#options;
    const first = this.#failures > 0 ? FIRST_RETRY_MS : pollMs;
    await Promise.all([loop(() => this.lookForBundle(signal), first), loop(() => this.lookForData(), pollMs)]);
  }

  /** Whether what is in force is too old to decide. */
  expired(): boolean {
    const { maxAgeMs, clock } = this.#options;
    return maxAgeMs !== undefined && clock.now() - this.#bundles.confirmedAt > maxAgeMs;
  }

  /** Milliseconds after which policies that their source has not confirmed decide no more; undefined: never. */
  get maxAgeMs(): number | undefined {
    return this.#options.maxAgeMs;
  }

  state(): PolicyState {
    const trouble = this.#troubles.current;
    return {
      revision: this.#options.pdp.active?.bundle.revision,
      confirmedAt: this.#bundles.confirmedAt,
      expired: this.expired(),
      ...(trouble && { trouble }),
    };
  }

  /** The policies and the data that decide now. */
  inForce(): ActivatedPolicy | undefined {
    const { active } = this.#options.pdp;
    return active && told(active);
  }

  /**
   * One look at the source. Never rejects.
   * @returns milliseconds after which to look again
   */
  async lookForBundle(signal: AbortSignal): Promise<number> {
    const { source, clock, pollMs } = this.#options;
    const began = clock.now();
    try {
      await this.#records.settle();
      const look = await source.look(this.#bundles.version, signal);
      await this.#inTurn(() => this.#bundles.take(look));
      await this.#records.settle();
      this.#failures = 0;
      const newsOrWaited = look.kind === "bundle" || clock.now() - began >= LEAST_WAIT_MS;
      return look.waited === true && newsOrWaited ? 0 : pollMs;
    } catch (error) {
      return signal.aborted ? pollMs : this.#fail(error);
    }
  }

  /**
   * One look at the site's data. Never rejects.
   * @returns milliseconds after which to look again
   */
  async lookForData(): Promise<number> {
    try {
      await this.#inTurn(async () => {
        if (await this.#data.look()) this.#bundles.forget();
      });
      await this.#records.settle();
    } catch (error) {
      // Not the data's fault.
      this.#data.forget();
      this.#tell(error);
    }
    return this.#options.pollMs;
  }

  /**
   * What was too slow is in force no more: `PdpOptions.onQuarantine`. The bundle is never taken again; where only the
   * data was new, that is not taken again with the same policies.
   */
  quarantined(bad: PreparedPolicy, restored: PreparedPolicy): void {
    const { clock } = this.#options;
    const [policy, good] = [told(bad), told(restored)];
    const time = clock.now();
    this.#records.owe((run) => policyQuarantinedRecord(policy, good, { ...run, time }));
    this.#records.owe((run) => policyRecord(good, { ...run, time }));
    const isBundle = bad.bundle !== restored.bundle;
    if (isBundle) this.#troubles.quarantined("bundle", "bundle-quarantined");
    else this.#troubles.quarantined("data", "data-unfit");
    this.#onEvent({ kind: "quarantined", policy, restored: good });
    this.#inTurn(() => (isBundle ? this.#quarantineBundle(bad, time) : this.#quarantineData(bad, restored)))
      .then(() => this.#records.settle())
      .catch((error: unknown) => this.#tell(error));
  }

  async #quarantineBundle({ bundle }: PreparedPolicy, now: number): Promise<void> {
    const digest = this.#bundles.digestOf(bundle);
    if (digest !== undefined) await this.#options.shelf.quarantine(digest, now);
  }

  #quarantineData({ bundle, data }: PreparedPolicy, restored: PreparedPolicy): Promise<void> {
    return this.#options.dataShelf.quarantine(bundle, data, restored.data);
  }

  /** @returns milliseconds after which to try again */
  #fail(thrown: unknown): number {
    const { random = Math.random } = this.#options;
    this.#troubles.failed(asError(thrown));
    const longest = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 20);
    // Between half of it and all of it, so that gateways that failed together do not come back together.
    return longest * (0.5 + random() / 2);
  }

  #tell(thrown: unknown): void {
    this.#onEvent({ kind: "failed", error: asError(thrown) });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work, work);
    this.#turn = done.catch(() => {});
    return done;
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
