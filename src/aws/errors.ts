import { type Principal, principalKey } from "../authn/principal.ts";
import { userArn } from "../changes/credential.ts";
import { isAboutTheRequest } from "../changes/iam-words.ts";
import type { StatusChange } from "../changes/status-change.ts";
import { type ErrorCode, LockkeeperError } from "../errors.ts";
import type { Decision } from "../policy/decision.ts";
import { AwsRefusal } from "./refusal.ts";

interface Meaning {
  readonly status: number;
  readonly code: string;
  /** Said in place of the error's own message, which is for callers of the REST API or for the log. */
  readonly message?: string;
}

/**
 * What each error means to a client of AWS. Clients send again what failed with a 5xx or with `Throttling`, so these are
 * only for requests of which it is certain that they have changed nothing.
 */
const meanings: Readonly<Record<ErrorCode, Meaning>> = {
  "malformed-request": { status: 400, code: "ValidationError" },
  "user-name-required": {
    status: 400,
    code: "ValidationError",
    message: "Must specify userName when calling with non-User credentials",
  },
  "unknown-account": { status: 400, code: "ValidationError" },
  unauthenticated: {
    status: 403,
    code: "InvalidClientTokenId",
    message: "The security token included in the request is invalid",
  },
  "authentication-unavailable": unavailable("The keys of callers cannot be read now"),
  denied: { status: 403, code: "AccessDenied" },
  "not-found": { status: 404, code: "NoSuchEntity" },
  "method-not-allowed": { status: 405, code: "MethodNotAllowed" },
  "not-acceptable": { status: 406, code: "NotAcceptable" },
  "payload-too-large": { status: 413, code: "RequestEntityTooLarge" },
  "unsupported-media-type": { status: 415, code: "UnsupportedMediaType" },
  "change-in-flight": { status: 409, code: "EntityTemporarilyUnmodifiable" },
  "idempotency-key-reused": internal(),
  "rate-limited": { status: 400, code: "Throttling", message: "Rate exceeded" },
  "iam-entity-not-found": { status: 404, code: "NoSuchEntity" },
  "iam-refused": {
    status: 403,
    code: "AccessDenied",
    message: "IAM refused Lockkeeper's own request, so nothing was changed; Lockkeeper's operator has IAM's message.",
  },
  "iam-unavailable": { status: 400, code: "Throttling", message: "Rate exceeded, or IAM cannot be reached" },
  "policy-unavailable": unavailable("No policy can be asked now"),
  "audit-unavailable": unavailable("The audit log cannot take this request's record now"),
  "audit-unreadable": unavailable("The audit log cannot be read now"),
  "change-not-sent": unavailable("The change was allowed, but could not be sent in time"),
  "outcome-unknown": unknown(),
  "outcome-unrecorded": unknown(),
  "audit-rolled-back": internal(),
  configuration: internal(),
  internal: internal(),
};

function unavailable(why: string): Meaning {
  return { status: 503, code: "ServiceUnavailable", message: `${why}, so nothing was sent to IAM; try again.` };
}

/** No client sends it again: a second try could meet a later change, or undo what somebody else did meanwhile. */
function unknown(): Meaning {
  return {
    status: 409,
    code: "EntityTemporarilyUnmodifiable",
    message:
      "IAM may or may not have made this change. Do not repeat it blindly: look at the credential, or ask Lockkeeper what became of the change.",
  };
}

function internal(): Meaning {
  return {
    status: 500,
    code: "InternalFailure",
    message: "A fault of Lockkeeper's own; its operator has the details.",
  };
}

/** What an error is to the caller. Of anything that is not expected here, nothing gets out. */
export function refusalOf(error: unknown): AwsRefusal {
  if (error instanceof AwsRefusal) return error;
  const { code, message, details } =
    error instanceof LockkeeperError ? error : new LockkeeperError("internal", "unexpected");
  if (code === "iam-refused" && details.awsCode !== undefined && isAboutTheRequest(details.awsCode)) {
    return new AwsRefusal(400, details.awsCode, message, { cause: error });
  }
  const { status, code: awsCode, message: fixed = message } = meanings[code];
  const about = details.changeId === undefined ? "" : ` (status change ${details.changeId})`;
  return new AwsRefusal(status, awsCode, `${fixed}${about}`, { cause: error });
}

/**
 * The refusal of a change that was not made, or of which nobody knows; undefined when the credential has been seen to
 * have the status that was asked for.
 */
export function refusalOfChange({ change, decision, outcome, readBack }: StatusChange): AwsRefusal | undefined {
  const { id, principal, credential, action } = change;
  if (!decision.allow)
    return accessDenied({
      principal,
      account: credential.account,
      action,
      resource: `user ${credential.userName}`,
      decision,
      change: id,
    });
  if (outcome === undefined) {
    const message = `This change is in flight (status change ${id}). Look at the credential when it has ended.`;
    return new AwsRefusal(409, "EntityTemporarilyUnmodifiable", message);
  }
  if (outcome.name === "applied" || (outcome.name === "unknown" && readBack?.result === "as-wanted")) return undefined;
  if (outcome.name === "unknown") return about("outcome-unknown", id);
  if (outcome.how === "not-sent") return about("change-not-sent", id);
  if (outcome.retryable === true) return about("iam-unavailable", id);
  if (!requestsFault.has(outcome.code)) return about("iam-refused", id);
  return new AwsRefusal(outcome.httpStatus ?? 400, outcome.code, outcome.message);
}

/** What is wrong with the request and not with Lockkeeper's own standing at IAM, which clients would take for theirs. */
const requestsFault: ReadonlySet<string> = new Set([
  "ConcurrentModification",
  "EntityTemporarilyUnmodifiable",
  "InvalidInput",
  "LimitExceeded",
  "NoSuchEntity",
  "UnmodifiableEntity",
  "ValidationError",
]);

function about(code: ErrorCode, changeId: string): AwsRefusal {
  return refusalOf(new LockkeeperError(code, "", { changeId }));
}

/** IAM's own sentence for a missing permission, and then what IAM never says: why, and under which decision. */
export function accessDenied(denied: {
  readonly principal: Principal;
  /** AWS's name of it: `iam:UpdateAccessKey`. */
  readonly action: string;
  /** As IAM names it: `user Bob`. */
  readonly resource: string;
  readonly decision: Pick<Decision, "id" | "reasons">;
  readonly account: string;
  /** Id of the status change that was denied. */
  readonly change?: string;
}): AwsRefusal {
  const { principal, account, action, resource, decision, change } = denied;
  const reasons = decision.reasons.map(({ code, message }) => `${message} [${code}]`).join(" ");
  const ids = `decision ${decision.id}${change === undefined ? "" : `, status change ${change}`}`;
  const { userName } = principal;
  const who = userName === undefined ? principalKey(principal) : userArn({ account, userName });
  const message = `User: ${who} is not authorized to perform: ${action} on resource: ${resource}. ${reasons} (${ids})`;
  return new AwsRefusal(403, "AccessDenied", message);
}
