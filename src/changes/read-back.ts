import type { Clock } from "../clock.ts";
import { LockkeeperError } from "../errors.ts";
import type { Change } from "./change.ts";
import type { ObservedStatus } from "./credential.ts";
import type { Iam } from "./iam-answers.ts";
import type { ReadBack } from "./outcome.ts";

export interface ReadBackOptions {
  readonly iam: Pick<Iam, "statusOf">;
  readonly clock: Clock;
}

/** IAM's lists are eventually consistent: one look proves little, two that agree this far apart are believed. */
const BETWEEN_LOOKS_MS = 200;

/**
 * Looks at the credential until it was twice in a row seen with the wanted status, or the deadline has come.
 * @param previousStatus as it was seen before the update. Only a status that was another then proves anything now: where
 *   it was the wanted one already, or is not known, a lost update could still arrive, and the reconciliation waits for that.
 * @param deadline epoch milliseconds
 * @returns undefined when nothing is proven by the deadline
 */
export async function readBackUntil(
  { iam, clock }: ReadBackOptions,
  change: Change,
  previousStatus: ObservedStatus | null,
  deadline: number,
): Promise<ReadBack | undefined> {
  if (previousStatus === null || previousStatus === change.status) return undefined;
  let agreeing = 0;
  while (clock.now() + BETWEEN_LOOKS_MS < deadline) {
    await clock.sleep(BETWEEN_LOOKS_MS);
    try {
      const left = deadline - clock.now();
      // A machine that slept, or a clock that was set, wakes up late.
      if (left <= 0) return undefined;
      const observed = await iam.statusOf(change.credential, left);
      agreeing = observed === change.status ? agreeing + 1 : 0;
      if (agreeing === 2) return { result: "as-wanted", observed };
    } catch (error) {
      if (!(error instanceof LockkeeperError)) throw error;
      agreeing = 0;
    }
  }
  return undefined;
}
