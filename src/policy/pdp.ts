import { type Bundle, ENTRYPOINT } from "./bundle.ts";
import type { PolicyData } from "./data.ts";
import type { Reason, Ruling } from "./decision.ts";
import { type ExplainableRuling, type Explanation, gatewaysOwn, policysOwn, Remedies } from "./explain.ts";
import { isFactName } from "./facts.ts";
import type { PolicyInput } from "./input.ts";
import { encodeInput } from "./input-json.ts";
import type { Pdp } from "./pep.ts";
import { CONFIRMING_ROUNDS, type PreparedPolicy, preparing, SLOW_MS, timed } from "./preparation.ts";
import { readResult } from "./result.ts";
import { afterAWhile, nextTurn } from "./turn.ts";

/** Why the PDP denies without, or against, a policy's word: the code, and the sentence for people. */
const faults = {
  "policy-unavailable": "No policy is loaded, so nothing is allowed.",
  "policy-expired": "The policy is older than it may be and its source has not confirmed it, so nothing is allowed.",
  "policy-input-malformed": "The request cannot be put before policy, so it is not allowed.",
  "policy-input-too-large": "The request is too large to be put before policy, so it is not allowed.",
  "policy-error": "The policy failed on this request, so it is not allowed.",
  "policy-undefined": "The policy gave no decision on this request, so it is not allowed.",
  "policy-malformed": "The policy's decision is malformed, so it is not allowed.",
  "policy-obligation-unknown": "The policy allows this under an obligation that Lockkeeper does not know.",
  "policy-needs-unknown": "The policy needs facts that Lockkeeper cannot look up.",
  "policy-needs-with-allow": "The policy allows this and asks for facts at once, so it is not allowed.",
  "policy-needs-again":
    "The policy asks again for facts after it was told what it had asked for, so this is not allowed.",
} as const;

export type FaultCode = keyof typeof faults;

/** Something that the operator should hear of, beside the denial that the caller gets. */
export interface PolicyFault {
  /**
   * Two deny nothing: `policy-slow`, an evaluation has taken longer than {@link SLOW_MS}; and `policy-remedies-unusable`,
   * the policy cannot tell what would be needed.
   */
  readonly code: FaultCode | "policy-slow" | "policy-remedies-unusable";
  readonly revision: string;
  readonly cause: Error;
}

export interface PdpOptions {
  readonly onFault?: (fault: PolicyFault) => void;
  /** Monotonic milliseconds, by which evaluations are timed. */
  readonly now?: () => number;
  /** Whether what is active is too old to decide. Asked at each decision; must not throw. */
  readonly expired?: () => boolean;
  /** Told when what was active was too slow and what had been good before decides again; must not throw. */
  readonly onQuarantine?: (quarantined: PreparedPolicy, restored: PreparedPolicy) => void;
}

/** For which a bundle is made ready at a stretch, before requests are answered. */
const STRETCH_MS = 1;

/**
 * Decides by Rego policies in WebAssembly. Allows only on exactly one well-formed decision whose `allow` is `true`, with
 * no obligation and no open need; whatever else happens denies with a code of its own. What policy needs to know comes
 * back with a denial, which is not the last word then.
 */
export class PolicyDecisionPoint implements Pdp {
  #active: PreparedPolicy | undefined;
  #lastGood: PreparedPolicy | undefined;
  readonly #onFault: (fault: PolicyFault) => void;
  readonly #now: () => number;
  readonly #expired: () => boolean;
  readonly #onQuarantine: NonNullable<PdpOptions["onQuarantine"]>;
  readonly #remedies: Remedies;

  constructor(options: PdpOptions = {}) {
    const { onFault = () => {}, now = () => performance.now(), expired = () => false, onQuarantine } = options;
    this.#onFault = onFault;
    this.#now = now;
    this.#expired = expired;
    this.#onQuarantine = onQuarantine ?? (() => {});
    this.#remedies = new Remedies({
      onFault: (code, { bundle }, cause) => this.#report(code, { bundle }, cause),
      now,
      slowMs: SLOW_MS,
      tries: 1 + CONFIRMING_ROUNDS,
    });
  }

  /** The revision of the policies that decide now; undefined before the first {@link swap}. */
  get revision(): string | undefined {
    return this.#active?.bundle.revision;
  }

  /** What decides now. */
  get active(): PreparedPolicy | undefined {
    return this.#active;
  }

  /** What decides again if what decides now turns out to be slow. */
  get lastGood(): PreparedPolicy | undefined {
    return this.#lastGood;
  }

  /**
   * Makes a bundle and data ready to decide: checks them, puts the bundle's own self-test before it, tries it on a
   * request that must be denied, and warms it up. What is active stays so.
   * @throws LockkeeperError `configuration` when the data does not fit the bundle, `policy-unavailable` when the bundle
   *   does not work
   */
  async prepare(bundle: Bundle, data: PolicyData): Promise<PreparedPolicy> {
    const steps = preparing(bundle, data, this.#now);
    for (let begun = performance.now(); ; ) {
      const { done, value } = steps.next();
      if (done === true) return value;
      if (performance.now() - begun < STRETCH_MS) continue;
      // Requests are answered in between, as soon as there is anything to answer them with.
      await (this.#active === undefined ? nextTurn() : afterAWhile());
      begun = performance.now();
    }
  }

  /**
   * Puts what is prepared in place of what decides, at once and whole.
   * @param lastGood what decides again if this one turns out to be slow; by default what has decided so far
   */
  swap(next: PreparedPolicy, lastGood: PreparedPolicy | undefined = this.#active): void {
    this.#lastGood = lastGood;
    this.#active = next;
  }

  /** {@link prepare} and {@link swap} while nothing else happens. When anything is wrong, what was active stays so. */
  activate(bundle: Bundle, data: PolicyData): void {
    const steps = preparing(bundle, data, this.#now);
    let step = steps.next();
    while (step.done !== true) step = steps.next();
    this.swap(step.value);
  }

  /** Never throws, never waits. Takes some microseconds. */
  decide(input: PolicyInput): Ruling {
    const active = this.#active;
    if (active === undefined) return this.#deny("policy-unavailable", undefined);
    if (this.#expired()) return this.#deny("policy-expired", active);
    try {
      return this.#evaluate(active, input);
    } catch (cause) {
      return this.#deny("policy-error", active, cause instanceof Error ? cause : new Error(String(cause)));
    }
  }

  /**
   * What there is to say of a ruling on this input beside the ruling, by the policies that have made it; less once others
   * are active. Never throws, never waits. Takes some hundred microseconds.
   */
  explain(input: PolicyInput, { allow, reasons, revision, wasmDigest }: ExplainableRuling): Explanation {
    const active = this.#active;
    const isStillActive = active?.bundle.revision === revision && active.bundle.wasmDigest === wasmDigest;
    const explained = reasons.map((reason) => {
      if (isFault(reason) || active === undefined) return gatewaysOwn(reason);
      return policysOwn(reason, isStillActive ? active.bundle : undefined);
    });
    const isPolicys = isStillActive && explained.every(({ source }) => source === "policy");
    const remedies = allow || !isPolicys ? undefined : this.#remedies.of(active.evaluator, input);
    return { reasons: explained, remedies };
  }

  #evaluate(active: PreparedPolicy, input: PolicyInput): Ruling {
    const bytes = encodeInput(input);
    if (typeof bytes === "string") return this.#deny(bytes, active);

    const start = this.#now();
    const result = readResult(active.evaluator.evaluate(bytes));
    const took = this.#now() - start;
    if (took > SLOW_MS) this.#slow(active, bytes, took);

    if (result.kind === "undefined") return this.#deny("policy-undefined", active);
    if (result.kind === "malformed") return this.#deny("policy-malformed", active, new Error(result.what));
    const { allow, reasons, obligations, needs } = result;
    if (allow && obligations.length > 0) return this.#deny("policy-obligation-unknown", active, undefined, obligations);
    if (needs.length === 0) return ruling(active.bundle, allow, reasons, obligations);
    const known = needs.filter(isFactName);
    if (known.length < needs.length) return this.#deny("policy-needs-unknown", active);
    if (allow) return this.#deny("policy-needs-with-allow", active);
    // Once per request: policy asks for everything at a time, and decides on what it is told, be it nothing.
    if (input.facts !== undefined) return this.#deny("policy-needs-again", active);
    return ruling(active.bundle, allow, reasons, obligations, [...new Set(known)]);
  }

  /**
   * A slow decision stands, but a policy that keeps being slow at it does not. WebAssembly cannot be interrupted: as
   * long as it runs, nobody else is answered.
   */
  #slow(active: PreparedPolicy, input: ArrayBuffer, took: number): void {
    this.#report("policy-slow", active, new Error(`a decision took ${Math.round(took)} ms`));
    const lastGood = this.#lastGood;
    if (lastGood === undefined) return;
    for (let round = 0; round < CONFIRMING_ROUNDS; round++) {
      if (timed(active.evaluator, input, this.#now) <= SLOW_MS) return;
    }
    this.#active = lastGood;
    this.#lastGood = undefined;
    this.#onQuarantine(active, lastGood);
  }

  #deny(
    code: FaultCode,
    active: PreparedPolicy | undefined,
    cause?: Error,
    obligations: readonly unknown[] = [],
  ): Ruling {
    const message = faults[code];
    this.#report(code, active, cause ?? new Error(message));
    return ruling(active?.bundle, false, [{ code, message }], obligations);
  }

  #report(code: PolicyFault["code"], active: Pick<PreparedPolicy, "bundle"> | undefined, cause: Error): void {
    try {
      this.#onFault({ code, revision: active?.bundle.revision ?? "none", cause });
    } catch {
      // Who listens cannot change a decision, and there is nobody else to tell.
    }
  }
}

function ruling(
  bundle: Bundle | undefined,
  allow: boolean,
  reasons: readonly Reason[],
  obligations: readonly unknown[],
  needs: Ruling["needs"] = [],
): Ruling {
  const { revision, wasmDigest } = bundle ?? { revision: "none", wasmDigest: "none" };
  return { allow, reasons, obligations, needs, revision, entrypoint: ENTRYPOINT, wasmDigest };
}

function isFault({ code, message }: Reason): boolean {
  return Object.entries(faults).some((fault) => fault[0] === code && fault[1] === message);
}
