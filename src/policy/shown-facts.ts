import type { ReadAction } from "./decision.ts";
import type { PolicyInput } from "./input.ts";
import type { Pdp } from "./pep.ts";

/** The facts of a decision, as far as its caller may see them. */
export interface ShownFacts {
  /** As policy saw them; undefined where policy saw none, or none is shown. */
  readonly facts: Readonly<Record<string, unknown>> | undefined;
  /** Names of those that policy saw and the caller may not. */
  readonly withheld: readonly string[];
}

/** Whoever may look at something by asking for it may see it as a fact. What is not named here is never shown. */
const lookedUpBy: ReadonlyMap<string, ReadAction> = new Map<string, ReadAction>([
  ["credential", "lockkeeper:ListCredentials"],
  ["siblings", "lockkeeper:ListCredentials"],
  ["user", "iam:GetUser"],
]);

/**
 * Which of the facts that a decision about a change has seen may be told to who asked for it. The gateway looks facts
 * up by its own right: without this, a what-if would be a way to read about any user.
 */
export function shownFacts(pdp: Pick<Pdp, "decide">, input: PolicyInput & { readonly facts?: object }): ShownFacts {
  const { unavailable = {}, ...seen } = membersOf(input.facts);
  const why = membersOf(unavailable);
  const names = [...new Set([...Object.keys(seen), ...Object.keys(why)])].sort();
  const shown = names.filter((name) => maySee(pdp, input, name));
  const facts = only(seen, shown);
  const reasons = only(why, shown);
  return {
    facts:
      shown.length === 0 ? undefined : { ...facts, ...(Object.keys(reasons).length > 0 && { unavailable: reasons }) },
    withheld: names.filter((name) => !shown.includes(name)),
  };
}

function maySee(pdp: Pick<Pdp, "decide">, { principal, credential, context }: PolicyInput, name: string): boolean {
  const action = lookedUpBy.get(name);
  if (action === undefined || credential?.userName === undefined) return false;
  const { userName, account } = credential;
  return pdp.decide({ principal, action, credential: { userName, account }, context }).allow;
}

function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

function only(members: Readonly<Record<string, unknown>>, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.filter((name) => Object.hasOwn(members, name)).map((name) => [name, members[name]]));
}
