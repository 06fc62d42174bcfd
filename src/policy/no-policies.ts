import { LockkeeperError } from "../errors.ts";
import { BundleRefusal } from "./bundle-refusal.ts";

/**
 * Why there are no policies to start with.
 * @param source the name of where they come from
 * @param fault what is wrong with that, or with what it gives
 * @param insteads why the last good bundle cannot stand in; undefined when there is none
 */
export function noPolicies(source: string, fault: Error | undefined, insteads: Error | undefined): LockkeeperError {
  if (fault?.cause instanceof LockkeeperError) return fault.cause;
  const detail = fault instanceof BundleRefusal && fault.cause instanceof Error ? ` (${fault.cause.message})` : "";
  const why = `${withoutStop(fault?.message ?? "it has none")}${detail}`;
  const instead =
    insteads === undefined
      ? "There is no last good bundle either"
      : `The last good bundle is of no use either: ${withoutStop(insteads.message)}`;
  const message = `No policies can be had from the ${source}: ${why}. ${instead}.`;
  return new LockkeeperError("policy-unavailable", message, {}, { cause: fault });
}

function withoutStop(sentence: string): string {
  return sentence.replace(/\.$/, "");
}
