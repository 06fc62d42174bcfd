import type { Receipt } from "../audit/journal.ts";
import type { KeptDecision } from "../audit/record.ts";
import type { Change } from "./change.ts";
import type { ObservedStatus } from "./credential.ts";
import type { Outcome, ReadBack } from "./outcome.ts";

/** A status change as it stands: what was asked, what was decided, and as much of the end as is known. */
export interface StatusChange {
  readonly change: Change;
  readonly decision: KeptDecision;
  /** Seen in IAM's list just before the update; null when it could not be read. */
  readonly previousStatus: ObservedStatus | null;
  /** Absent while no outcome is recorded, and for a denial. */
  readonly outcome?: Outcome;
  /** Epoch milliseconds of the outcome or the denial. */
  readonly settledAt?: number;
  readonly readBack?: ReadBack & { readonly at: number };
  /** Epoch milliseconds after which nothing is sent any more; absent for a denial. */
  readonly deadline?: number;
  /** Of its newest record. */
  readonly receipt: Receipt;
}
