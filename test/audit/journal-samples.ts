import { outcomeRecord, reconciledRecord } from "../../src/audit/record.ts";
import type { Change } from "../../src/changes/change.ts";
import type { Outcome } from "../../src/changes/outcome.ts";
import { aChange, aDecision } from "../fixture/changes.ts";

export const now: number = Date.parse("2026-11-21T09:30:00Z");
export const applied: Outcome = { name: "applied", awsRequestId: "aws-1", httpStatus: 200 };
export const unknown: Outcome = { name: "unknown", code: "TimeoutError", message: "lost" };
export const failed: Outcome = { name: "failed", how: "refused", code: "AccessDenied", message: "No." };

export function ended(change: Change, outcome: Outcome, at = now) {
  return {
    record: outcomeRecord(change, aDecision(true), outcome, "Active", at),
    step: "outcome",
    outcome: outcome.name,
    release: outcome.name !== "unknown",
    at,
  } as const;
}

export function readBack(change: Change, at = now) {
  const record = reconciledRecord(change, { result: "as-wanted", observed: "Inactive" }, at);
  return { record, step: "reconciled", release: true, at } as const;
}

/** A change of somebody's access key. */
export function keyChange(id: string, userName = "Bob", parts: Partial<Change> = {}): Change {
  return aChange({ credential: { type: "access-key", id, userName, account: "123456789012" }, ...parts });
}
