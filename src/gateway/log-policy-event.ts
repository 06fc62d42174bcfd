import type { Logger } from "../log.ts";
import type { PolicyEvent } from "../policy/update-events.ts";

/** Tells the operator what became of policies. */
export function logPolicyEvent(log: Logger, event: PolicyEvent): void {
  if (event.kind === "activated") log.info(event.policy, "policies are in force");
  else if (event.kind === "recovered") log.info({ part: event.part }, "policies are up to date again");
  else if (event.kind === "failed") log.warn({ err: event.error }, "policies could not be updated");
  else if (event.kind === "quarantined") {
    log.error({ quarantined: event.policy, restored: event.restored }, "policies were too slow");
  } else log.error({ code: event.code, revision: event.revision, err: event.error }, "policies were refused");
}
