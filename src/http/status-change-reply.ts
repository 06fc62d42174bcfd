import type { Outcome } from "../changes/outcome.ts";
import type { StatusChange } from "../changes/status-change.ts";
import type { ErrorCode, ErrorDetails } from "../errors.ts";
import type { ReplyOf } from "./operation.ts";
import { type Problem, problemOf, statusChangeUrl } from "./problem.ts";
import { statusChangeResource } from "./status-change-resource.ts";

/**
 * The reply to somebody who asked for this change, now or, with the same Idempotency-Key, before. It is a success
 * only when the credential has been seen to have the wanted status; of everything else it says how much is known.
 *
 * @param now epoch milliseconds
 */
export function statusChangeReply(state: StatusChange, now: number): ReplyOf<"createStatusChange"> | Problem {
  const { change, decision, outcome, readBack, receipt, deadline } = state;
  if (!decision.allow) return deniedReply(state);
  if (outcome === undefined) {
    const retryAfter = Math.max(1, ((deadline ?? now) - now) / 1000);
    const message = "This change is in flight. Ask again when it has ended.";
    return problemOf({ code: "change-in-flight", message, details: { changeId: change.id, receipt, retryAfter } });
  }
  if (outcome.name === "applied" || (outcome.name === "unknown" && readBack?.result === "as-wanted")) {
    return { status: 201, headers: { Location: statusChangeUrl(change.id) }, body: statusChangeResource(state) };
  }
  const code = outcome.name === "unknown" ? "outcome-unknown" : failureCode(outcome);
  const awsCode = outcome.name === "failed" && outcome.how === "refused" ? { awsCode: outcome.code } : {};
  return problemOf({ code, message: outcome.message, details: { changeId: change.id, receipt, ...awsCode } });
}

/** A denial of a change, which is kept under its id like any other. */
export function deniedReply({
  change,
  decision,
  receipt,
}: Pick<StatusChange, "change" | "decision" | "receipt">): Problem {
  return denied(decision, { changeId: change.id, receipt });
}

/** A denial of a look at something. */
export function deniedReadReply({ decision, receipt }: Pick<StatusChange, "decision" | "receipt">): Problem {
  return denied(decision, { receipt });
}

/** Not thrown: a denial is an ordinary answer, and the one that a flood consists of, so it costs no stack trace. */
function denied(decision: StatusChange["decision"], details: ErrorDetails): Problem {
  const message = `Denied by policy: ${decision.reasons.map((reason) => reason.message).join(" ")}`;
  return problemOf({ code: "denied", message, details, decision });
}

/** How a change that provably had no effect is told. */
function failureCode({ how, code, retryable }: Extract<Outcome, { name: "failed" }>): ErrorCode {
  if (how === "not-sent") return gatewayOwnReasons.has(code) ? "change-not-sent" : "iam-unavailable";
  if (code === "NoSuchEntity") return "iam-entity-not-found";
  return retryable === true ? "iam-unavailable" : "iam-refused";
}

/** What kept a change from being sent when it was not IAM's network. */
const gatewayOwnReasons: ReadonlySet<string> = new Set(["DeadlinePassed", "AuditLogLate"]);
