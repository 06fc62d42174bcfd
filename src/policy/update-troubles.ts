import { policyRefusedRecord } from "../audit/policy-record.ts";
import type { Clock } from "../clock.ts";
import type { BundleRefusal } from "./bundle-refusal.ts";
import type { Part, PolicyEvent, PolicyState, TroubleCode } from "./update-events.ts";
import type { PolicyRecords } from "./update-records.ts";

/** What was refused, as far as it is known. */
interface Refused {
  /** The same again is not told again. */
  readonly what: string;
  readonly revision?: string | undefined;
  readonly bundleDigest?: string | undefined;
}

/** As much of an explanation as a record keeps. */
const MAX_MESSAGE = 1_000;

/** Why the newest policies are not in force, if they are not: told once each, and shown for as long as it lasts. */
export class PolicyTroubles {
  readonly #clock: Pick<Clock, "now">;
  readonly #records: PolicyRecords;
  readonly #onEvent: (event: PolicyEvent) => void;
  /** What was refused last and still is: it is not recorded again and again. */
  readonly #refused: { [part in Part]?: string | undefined } = {};
  readonly #trouble: { [part in Part]?: PolicyState["trouble"] } = {};
  #first: Error | undefined;

  constructor(clock: Pick<Clock, "now">, records: PolicyRecords, onEvent: (event: PolicyEvent) => void) {
    this.#clock = clock;
    this.#records = records;
    this.#onEvent = onEvent;
  }

  /** The first thing that went wrong: at start, why the source's bundle was not put in force. */
  get first(): Error | undefined {
    return this.#first;
  }

  get current(): PolicyState["trouble"] {
    return this.#trouble.bundle ?? this.#trouble.data;
  }

  isRefused(part: Part): boolean {
    return this.#refused[part] !== undefined;
  }

  /** Logged, counted and recorded, unless the same was refused last. */
  refuse(part: Part, refusal: BundleRefusal, { what, revision, bundleDigest }: Refused): void {
    const { code, message } = refusal;
    this.#first ??= refusal;
    if (this.#refused[part] === `${code} ${what}`) return;
    this.#refused[part] = `${code} ${what}`;
    const now = this.#clock.now();
    this.#trouble[part] = { code, since: now };
    this.#onEvent({ kind: "refused", code, revision, error: refusal });
    const record = { code, message: message.slice(0, MAX_MESSAGE), revision, bundleDigest };
    this.#records.owe((run) => policyRefusedRecord(record, { ...run, time: now }));
  }

  /** What was in force is not any more. */
  quarantined(part: Part, code: TroubleCode): void {
    this.#trouble[part] = { code, since: this.#clock.now() };
    this.#refused[part] = "quarantined";
  }

  /** A look for a bundle came to nothing. */
  failed(error: Error): void {
    this.#first ??= error;
    this.#trouble.bundle ??= { code: "update-failed", since: this.#clock.now() };
    this.#onEvent({ kind: "failed", error });
  }

  /** The newest is what is in force already. Told where it was in trouble. */
  recovered(part: Part): void {
    if (this.#trouble[part] === undefined) return;
    this.clear(part);
    this.#onEvent({ kind: "recovered", part });
  }

  clear(part: Part): void {
    this.#refused[part] = undefined;
    this.#trouble[part] = undefined;
  }
}
