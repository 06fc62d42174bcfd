import { LockkeeperError } from "../errors.ts";

/** The answer to an Idempotency-Key that its principal has bound to a change which asked for something else. */
export function keyReused(changeId: string): LockkeeperError {
  return new LockkeeperError(
    "idempotency-key-reused",
    "This Idempotency-Key was used for another change. Send each change with a key of its own; repeat a key only with the same body.",
    { changeId },
  );
}
