import { type ActivatedPolicy, policyRecord } from "../audit/policy-record.ts";
import type { Clock } from "../clock.ts";
import { dataDigest } from "./data.ts";
import type { PolicyDecisionPoint } from "./pdp.ts";
import type { PreparedPolicy } from "./preparation.ts";
import type { PolicyEvent } from "./update-events.ts";
import type { PolicyRecords } from "./update-records.ts";

/** With what policies are put in force. */
export interface Enforcement {
  readonly pdp: Pick<PolicyDecisionPoint, "swap">;
  readonly records: PolicyRecords;
  readonly clock: Pick<Clock, "now">;
  readonly onEvent: (event: PolicyEvent) => void;
}

/**
 * Puts prepared policies in force. The record of that is durable before the first request is put before them.
 * @param lastGood asked when that is done: what was in force may have been quarantined in the meantime
 * @param isDue asked before that and when it is done; where it is not, nothing is put in force
 * @returns whether they are in force
 */
export async function putInForce(
  { pdp, records, clock, onEvent }: Enforcement,
  next: PreparedPolicy,
  lastGood: () => PreparedPolicy | undefined,
  isDue: () => boolean = () => true,
): Promise<boolean> {
  if (!isDue()) return false;
  const policy = told(next);
  await records.note((run) => policyRecord(policy, { ...run, time: clock.now() }));
  if (!isDue()) return false;
  pdp.swap(next, lastGood());
  onEvent({ kind: "activated", policy });
  return true;
}

/** As records and logs name policies. */
export function told({ bundle, data }: PreparedPolicy): ActivatedPolicy {
  return { revision: bundle.revision, wasmDigest: bundle.wasmDigest, dataDigest: dataDigest(data) };
}
