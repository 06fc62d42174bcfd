import { type Bundle, REMEDIES_ENTRYPOINT } from "./bundle.ts";
import type { Reason, Ruling } from "./decision.ts";
import type { Evaluator } from "./evaluator.ts";
import type { PolicyInput } from "./input.ts";
import { encodeInput } from "./input-json.ts";
import { OWN_USER_CODE, touchesOwnUser } from "./own-user.ts";
import type { ReasonRule } from "./reason-rules.ts";
import { type Remedy, readRemedies } from "./remedy.ts";

/** A reason, and whose it is. */
export interface ExplainedReason extends Reason {
  /** `gateway`: Lockkeeper itself denied, without a policy's word or against it. */
  readonly source: "policy" | "gateway";
  /** The rules that give this reason; empty of the gateway's own, and where the bundle does not say. */
  readonly rules: readonly ReasonRule[];
}

/** What there is to say of a ruling beside the ruling. */
export interface Explanation {
  readonly reasons: readonly ExplainedReason[];
  /** What would be needed to be allowed; empty: nothing would do; undefined: it is allowed, or nobody can tell. */
  readonly remedies: readonly Remedy[] | undefined;
}

/** What is explained of a ruling; whether facts are still asked for is told by its reasons. */
export type ExplainableRuling = Omit<Ruling, "needs">;

/** What a ruling is explained with: the PDP that has made it, and the guard before it. */
export interface ExplainOptions {
  readonly pdp: { explain?(input: PolicyInput, ruling: ExplainableRuling): Explanation };
  /** The IAM users whose credentials the gateway itself uses. */
  readonly ownUserNames: readonly string[];
}

/** Explains a ruling as the PEP gives it: for the gateway's own user nothing helps, whatever policy says. */
export function explainRuling(
  { pdp, ownUserNames }: ExplainOptions,
  input: PolicyInput,
  ruling: ExplainableRuling,
): Explanation {
  const { reasons, remedies } = pdp.explain?.(input, ruling) ?? {
    reasons: ruling.reasons.map((reason) => policysOwn(reason, undefined)),
    remedies: undefined,
  };
  if (!touchesOwnUser(ownUserNames, input)) return { reasons, remedies };
  const guarded = reasons.map((reason) => (reason.code === OWN_USER_CODE ? gatewaysOwn(reason) : reason));
  return { reasons: guarded, remedies: [] };
}

/** A reason that Lockkeeper itself gives. */
export function gatewaysOwn({ code, message }: Reason): ExplainedReason {
  return { code, message, source: "gateway", rules: [] };
}

/** A reason that came out of a bundle, which may have gone since. */
export function policysOwn({ code, message }: Reason, bundle: Bundle | undefined): ExplainedReason {
  return { code, message, source: "policy", rules: bundle?.reasonRules?.get(code) ?? [] };
}

export interface RemediesOptions {
  /** Told of remedies that cannot be used, and of slow ones; must not throw. */
  readonly onFault: (code: "policy-remedies-unusable" | "policy-slow", evaluator: Evaluator, cause: Error) => void;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Milliseconds from which on an evaluation is slow. */
  readonly slowMs: number;
  /** How often in a row it may be slow by the machine's fault. */
  readonly tries: number;
}

/** Asks bundles what would be needed to be allowed. That is help, and nothing depends on it: any fault is no help. */
export class Remedies {
  readonly #options: RemediesOptions;
  /** As long as WebAssembly runs, nobody else is answered: what is slow at this is not asked again. */
  readonly #tooSlow = new WeakSet<Evaluator>();

  constructor(options: RemediesOptions) {
    this.#options = options;
  }

  /** Never throws. @returns undefined when the bundle cannot tell, or not any more */
  of(evaluator: Evaluator, input: PolicyInput): readonly Remedy[] | undefined {
    if (evaluator.bundle.tellsRemedies !== true || this.#tooSlow.has(evaluator)) return undefined;
    const bytes = encodeInput(input);
    if (typeof bytes === "string") return undefined;
    try {
      const remedies = readRemedies(this.#evaluate(evaluator, bytes));
      if (remedies !== undefined) return remedies;
      this.#options.onFault("policy-remedies-unusable", evaluator, new Error("its remedies are malformed"));
    } catch (cause) {
      const error = cause instanceof Error ? cause : new Error(String(cause));
      this.#options.onFault("policy-remedies-unusable", evaluator, error);
    }
    return undefined;
  }

  #evaluate(evaluator: Evaluator, bytes: ArrayBuffer): unknown {
    const { now, slowMs, tries, onFault } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      const start = now();
      const resultSet = evaluator.evaluate(bytes, REMEDIES_ENTRYPOINT);
      const took = now() - start;
      if (took <= slowMs) return resultSet;
      onFault("policy-slow", evaluator, new Error(`telling what would be needed took ${Math.round(took)} ms`));
      if (attempt < tries) continue;
      this.#tooSlow.add(evaluator);
      return resultSet;
    }
  }
}
