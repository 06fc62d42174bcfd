import {
  type ActivatedPolicy,
  policyQuarantinedRecord,
  policyRecord,
  policyRefusedRecord,
} from "../audit/admin-record.ts";
import type { Clock } from "../clock.ts";
import { configDigest } from "../config/digest.ts";
import { LockkeeperError } from "../errors.ts";
import type { Bundle } from "./bundle.ts";
import { type BundleFiles, filesDigest } from "./bundle-files.ts";
import { BundleRefusal } from "./bundle-refusal.ts";
import { believed, prepared, unpacked } from "./check-bundle.ts";
import type { DataSource, PolicyData } from "./data.ts";
import type { PolicyDecisionPoint, PreparedPolicy } from "./pdp.ts";
import type { BundleShelf } from "./shelf.ts";
import type { Verification } from "./signing/verify.ts";
import type { BundleSource, Look } from "./sources/source.ts";
import type { PolicyEvent, PolicyState } from "./update-events.ts";
import { type PolicyLedger, PolicyRecords } from "./update-records.ts";

export interface PolicyUpdatesOptions {
  readonly source: BundleSource;
  readonly data: DataSource;
  readonly shelf: BundleShelf;
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
  readonly #known = new WeakMap<Bundle, string>();
  readonly #records = new PolicyRecords();
  /** One at a time: bundles and data are looked at by themselves. */
  #turn: Promise<unknown> = Promise.resolve();
  #bundleVersion: string | undefined;
  #dataVersion: string | undefined;
  /** The newest data that could be read, in force or not: it may fit the next bundle. */
  #newestData: PolicyData | undefined;
  /** What was refused last and still is: it is not recorded again and again. */
  readonly #refused: { bundle?: string | undefined; data?: string | undefined } = {};
  readonly #trouble: { bundle?: Trouble | undefined; data?: Trouble | undefined } = {};
  #confirmedAt = Number.NEGATIVE_INFINITY;
  #failures = 0;

  constructor(options: PolicyUpdatesOptions) {
    this.#options = options;
  }

  /**
   * Puts policies in force at start: the source's, or the last good ones when these cannot be had.
   * @throws LockkeeperError `configuration` for the site's data, `policy-unavailable` when there are no policies at all
   */
  async open(): Promise<void> {
    const { source, data, clock } = this.#options;
    const looked = data.look(undefined);
    this.#newestData = looked?.data;
    this.#dataVersion = looked?.version;
    try {
      const look = await source.look(undefined, new AbortController().signal);
      if (look.kind === "bundle") await this.#take(look);
      if (this.#options.pdp.active !== undefined) return;
    } catch (error) {
      this.#fail(error);
    }
    const cause = this.#startFault;
    await this.#takeLastGood(clock.now()).catch((error: unknown) => {
      this.#options.onEvent?.({ kind: "failed", error: asError(error) });
    });
    if (this.#options.pdp.active === undefined) throw unavailable(source.name, cause);
  }

  /** Why the source's bundle was not put in force at start. */
  #startFault: Error | undefined;

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
    return maxAgeMs !== undefined && clock.now() - this.#confirmedAt > maxAgeMs;
  }

  state(): PolicyState {
    const trouble = this.#trouble.bundle ?? this.#trouble.data;
    return {
      revision: this.#options.pdp.active?.bundle.revision,
      confirmedAt: this.#confirmedAt,
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
      const look = await source.look(this.#bundleVersion, signal);
      await this.#inTurn(() => (look.kind === "bundle" ? this.#take(look) : this.#unchanged()));
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
    const { data, pollMs } = this.#options;
    try {
      await this.#inTurn(async () => {
        const looked = this.#lookAtData(data);
        if (looked !== undefined) await this.#takeData(looked);
      });
      await this.#records.settle();
    } catch (error) {
      // Not the data's fault: it is looked at again as if it were new.
      this.#dataVersion = undefined;
      this.#options.onEvent?.({ kind: "failed", error: asError(error) });
    }
    return pollMs;
  }

  /**
   * What was too slow is in force no more: `PdpOptions.onQuarantine`. The bundle is never taken again; where only the
   * data was new, that is not taken again until it changes.
   */
  quarantined(bad: PreparedPolicy, restored: PreparedPolicy): void {
    const { clock, shelf, onEvent } = this.#options;
    const [policy, good] = [told(bad), told(restored)];
    const now = clock.now();
    this.#records.owe((...run) => policyQuarantinedRecord(policy, good, ...run, now));
    this.#records.owe((...run) => policyRecord(good, ...run, now));
    const isBundle = bad.bundle !== restored.bundle;
    const part = isBundle ? "bundle" : "data";
    this.#trouble[part] = { code: isBundle ? "bundle-quarantined" : "data-unfit", since: now };
    this.#refused[part] = "quarantined";
    onEvent?.({ kind: "quarantined", policy, restored: good });
    const digest = this.#known.get(bad.bundle);
    const kept = isBundle && digest !== undefined ? this.#inTurn(() => shelf.quarantine(digest, now)) : undefined;
    void Promise.resolve(kept)
      .then(() => this.#records.settle())
      .catch((error: unknown) => onEvent?.({ kind: "failed", error: asError(error) }));
  }

  #lookAtData(data: DataSource): ReturnType<DataSource["look"]> {
    try {
      return data.look(this.#dataVersion);
    } catch (error) {
      if (!(error instanceof LockkeeperError)) throw error;
      this.#refuse("data", new BundleRefusal("data-unfit", error.message, { cause: error }), "unreadable");
      return undefined;
    }
  }

  async #takeData({ version, data }: NonNullable<ReturnType<DataSource["look"]>>): Promise<void> {
    const { pdp } = this.#options;
    const { active, lastGood } = pdp;
    if (active === undefined) return;
    this.#newestData = data;
    // A bundle that was refused beside the data before may be good beside this.
    this.#bundleVersion = undefined;
    if (configDigest(data) !== configDigest(active.data)) {
      let next: PreparedPolicy;
      try {
        next = await pdp.prepare(active.bundle, data);
      } catch (error) {
        this.#dataVersion = version;
        const why = new BundleRefusal("data-unfit", asError(error).message, { cause: error });
        this.#refuse("data", why, configDigest(data), active.bundle.revision);
        return;
      }
      const other = lastGood !== undefined && lastGood.bundle !== active.bundle;
      const standIn = other ? await this.#withData(lastGood, data) : active;
      await this.#putInForce(next, () => standIn);
    }
    this.#trouble.data = undefined;
    this.#refused.data = undefined;
    this.#dataVersion = version;
  }

  /** What decides in an emergency has the newest data too, if it can. */
  async #withData(lastGood: PreparedPolicy, data: PolicyData): Promise<PreparedPolicy> {
    try {
      return await this.#options.pdp.prepare(lastGood.bundle, data);
    } catch {
      return lastGood;
    }
  }

  async #unchanged(): Promise<void> {
    // The source may have nothing newer than what was refused: then what is in force is not its newest.
    if (this.#refused.bundle === undefined) await this.#confirm();
  }

  async #confirm(): Promise<void> {
    const { shelf, clock } = this.#options;
    this.#refused.bundle = undefined;
    this.#trouble.bundle = undefined;
    this.#confirmedAt = clock.now();
    await shelf.confirm(this.#confirmedAt);
  }

  /** Checks a bundle and puts it in force. Rejects when that fails for a reason that is not the bundle's. */
  async #take(look: Extract<Look, { kind: "bundle" }>): Promise<void> {
    const { shelf, clock, pdp } = this.#options;
    let digest: string | undefined;
    let bundle: Bundle | undefined;
    let next: PreparedPolicy;
    let files: BundleFiles;
    try {
      files = unpacked(look);
      digest = filesDigest(files);
      if (pdp.active !== undefined && this.#known.get(pdp.active.bundle) === digest) {
        this.#bundleVersion = look.version;
        await this.#confirm();
        return;
      }
      bundle = await believed(files, this.#options.verification);
      shelf.admit(bundle, digest);
      next = await prepared(pdp, bundle, [this.#newestData, pdp.active?.data]);
    } catch (error) {
      if (!(error instanceof BundleRefusal)) throw error;
      this.#bundleVersion = look.version;
      this.#refuse("bundle", error, digest ?? look.version ?? "unknown", bundle?.revision, digest);
      return;
    }
    const now = clock.now();
    await shelf.keep(bundle, files, { digest, confirmedAt: now });
    this.#known.set(bundle, digest);
    await this.#putInForce(next, () => pdp.active);
    this.#bundleVersion = look.version;
    // Refused data may have come into force with it.
    for (const part of next.data === this.#newestData ? PARTS : PARTS.slice(0, 1)) {
      this.#refused[part] = undefined;
      this.#trouble[part] = undefined;
    }
    this.#confirmedAt = now;
  }

  async #takeLastGood(now: number): Promise<void> {
    const { shelf, pdp } = this.#options;
    const files = await shelf.read();
    if (files === undefined || shelf.good === undefined) return;
    const bundle = await believed(files, this.#options.verification);
    const next = await prepared(pdp, bundle, [this.#newestData, pdp.active?.data]);
    this.#known.set(bundle, shelf.good.digest);
    await this.#putInForce(next, () => undefined);
    this.#confirmedAt = Math.min(shelf.good.confirmedAt, now);
  }

  /**
   * Durable before the first request is put before it.
   * @param lastGood asked when that is done: what was in force may have been quarantined in the meantime
   */
  async #putInForce(next: PreparedPolicy, lastGood: () => PreparedPolicy | undefined): Promise<void> {
    const { pdp, clock, onEvent } = this.#options;
    const policy = told(next);
    await this.#records.note((...run) => policyRecord(policy, ...run, clock.now()));
    pdp.swap(next, lastGood());
    onEvent?.({ kind: "activated", policy });
  }

  #refuse(part: Part, refusal: BundleRefusal, what: string, revision?: string, bundleDigest?: string): void {
    const { clock, onEvent } = this.#options;
    const { code, message } = refusal;
    this.#startFault ??= refusal;
    if (this.#refused[part] === `${code} ${what}`) return;
    this.#refused[part] = `${code} ${what}`;
    const now = clock.now();
    this.#trouble[part] = { code, since: now };
    onEvent?.({ kind: "refused", code, revision, error: refusal });
    const record = { code, message: message.slice(0, MAX_MESSAGE), revision, bundleDigest };
    this.#records.owe((...run) => policyRefusedRecord(record, ...run, now));
  }

  /** @returns milliseconds after which to try again */
  #fail(thrown: unknown): number {
    const { clock, random = Math.random, onEvent } = this.#options;
    const error = asError(thrown);
    this.#startFault ??= error;
    this.#trouble.bundle ??= { code: "update-failed", since: clock.now() };
    onEvent?.({ kind: "failed", error });
    const longest = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 20);
    // Between half of it and all of it, so that gateways that failed together do not come back together.
    return longest * (0.5 + random() / 2);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work, work);
    this.#turn = done.catch(() => {});
    return done;
  }
}

type Part = "bundle" | "data";
type Trouble = NonNullable<PolicyState["trouble"]>;
const PARTS: readonly Part[] = ["bundle", "data"];

/** As much of an explanation as a record keeps. */
const MAX_MESSAGE = 1_000;

function told({ bundle, data }: PreparedPolicy): ActivatedPolicy {
  return { revision: bundle.revision, wasmDigest: bundle.wasmDigest, dataDigest: configDigest(data) };
}

function unavailable(source: string, cause: Error | undefined): LockkeeperError {
  const detail = cause?.cause instanceof Error && cause instanceof BundleRefusal ? ` (${cause.cause.message})` : "";
  const why = `${cause?.message ?? "it has none"}${detail}`;
  const message = `Cannot load the policy bundle ${source}: ${why} There is no last good one either.`;
  if (cause?.cause instanceof LockkeeperError) return cause.cause;
  return new LockkeeperError("policy-unavailable", message, {}, { cause });
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
