import type { Ruling } from "./decision.ts";
import type { PolicyInput } from "./input.ts";
import type { Pdp } from "./pep.ts";

/**
 * Decides on what an input holds, as the PEP would with these facts: policy is asked without them first, and then told
 * those that it asks for.
 * @returns undefined when it asks for a fact that the input does not hold: what it would decide is not known
 */
export function decideOnKnownFacts(pdp: Pdp, { facts, ...asked }: PolicyInput): Ruling | undefined {
  const first = pdp.decide(asked);
  if (first.needs.length === 0) return first;
  const { needs } = first;
  if (!needs.every((name) => facts?.[name] !== undefined)) return undefined;
  return pdp.decide({ ...asked, facts: { ...facts } });
}
