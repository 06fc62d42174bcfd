import type { ReadAction } from "./decision.ts";
import { type FactName, type Facts, factNames } from "./facts.ts";
import type { PolicyInput } from "./input.ts";
import type { Pdp } from "./pep.ts";

/** The facts of a decision, as far as its caller may see them. */
export interface ShownFacts {
  /** As policy saw them; undefined where policy saw none, or none is shown. */
  readonly facts: Facts | undefined;
  /** Those that policy saw and the caller may not. */
  readonly withheld: readonly FactName[];
}

/** Whoever may look at something by asking for it may see it as a fact. */
const lookedUpBy: Readonly<Record<FactName, ReadAction>> = {
  credential: "lockkeeper:ListCredentials",
  siblings: "lockkeeper:ListCredentials",
  user: "iam:GetUser",
};

/**
 * Which of the facts that a decision about a change has seen may be told to who asked for it. The gateway looks facts
 * up by its own right: without this, a what-if would be a way to read about any user.
 */
export function shownFacts(pdp: Pick<Pdp, "decide">, input: PolicyInput): ShownFacts {
  const { facts = {} } = input;
  const seen = factNames.filter((name) => facts[name] !== undefined);
  const shown = seen.filter((name) => maySee(pdp, input, name));
  const withheld = seen.filter((name) => !shown.includes(name));
  if (shown.length === 0) return { facts: undefined, withheld };
  const why = shown.filter((name) => facts.unavailable?.[name] !== undefined);
  return {
    facts: { ...members(facts, shown), ...(why.length > 0 && { unavailable: members(facts.unavailable ?? {}, why) }) },
    withheld,
  };
}

function maySee(pdp: Pick<Pdp, "decide">, { principal, credential, context }: PolicyInput, name: FactName): boolean {
  if (credential?.userName === undefined) return false;
  const { userName, account } = credential;
  return pdp.decide({ principal, action: lookedUpBy[name], credential: { userName, account }, context }).allow;
}

function members<Value extends object>(of: Value, names: readonly (FactName & keyof Value)[]): Partial<Value> {
  return Object.fromEntries(names.map((name) => [name, of[name]])) as Partial<Value>;
}
