import { lineageOf } from "../lineage.ts";
import { RECOVERED_CODE } from "../log-record.ts";
import type { Findings } from "./findings.ts";
import { outlineOf, unmappedOf } from "./outline.ts";

/**
 * What the first record of a log tells of the recovery that has opened it.
 * @param origin of the log
 * @returns the members of the record that OCSF has no place for; undefined when it tells of no recovery to that log
 */
export function recoveryTold(first: Buffer, origin: string): Readonly<Record<string, unknown>> | undefined {
  const unmapped = unmappedOf(first);
  return outlineOf(first)?.code === RECOVERED_CODE && unmapped["origin"] === origin ? unmapped : undefined;
}

/** A log with the name of a recovered one begins with the record of the recovery: an emptied one could be called so too. */
export function compareBeginning(origin: string | undefined, first: Buffer | undefined, findings: Findings): void {
  if (origin === undefined || lineageOf(origin).recovery === 0) return;
  if (first !== undefined && recoveryTold(first, origin) !== undefined) return;
  const message = `This is the log ${origin}, and its first record does not tell of the recovery that opened it: the log before it was left behind in silence.`;
  findings.add("recovery-missing", 0, message);
}
