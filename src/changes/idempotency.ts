import { hash } from "node:crypto";
import { LockkeeperError } from "../errors.ts";

/**
 * What is kept of an Idempotency-Key: its SHA-256, hex. It is the caller's own text, perhaps a token by mistake, and to
 * know it again no more is needed.
 */
export function keptIdempotencyKey(key: string): string {
  return hash("sha256", key, "hex");
}

/** The answer to an Idempotency-Key that its principal has bound to a change which asked for something else. */
export function keyReused(changeId: string): LockkeeperError {
  return new LockkeeperError(
    "idempotency-key-reused",
    "This Idempotency-Key was used for another change. Send each change with a key of its own; repeat a key only with the same body.",
    { changeId },
  );
}
