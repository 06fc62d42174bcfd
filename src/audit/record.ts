import { principalKey } from "../authn/principal.ts";
import type { Change } from "../changes/change.ts";
import type { ObservedStatus } from "../changes/credential.ts";
import { userArn } from "../changes/credential.ts";
import type { Outcome, ReadBack } from "../changes/outcome.ts";
import type { Decision } from "../policy/decision.ts";
import type { PolicyInput } from "../policy/input.ts";
import { caller, type KeptDecision, kept, self, sentences } from "./caller.ts";
import type { AuditRecord } from "./journal.ts";
import { auditRecord, type Event } from "./ocsf.ts";

/** What the records of a change keep beside OCSF's own fields, from which the change can be told again. */
export interface ChangeFacts {
  readonly decision?: KeptDecision;
  /** The canonical policy input, so that the decision can be judged again. */
  readonly input?: PolicyInput;
  /** Epoch milliseconds; on an intent. */
  readonly deadline?: number;
  /** On an outcome. */
  readonly outcome?: Outcome;
  readonly previousStatus?: ObservedStatus | null;
  /** On a reconciliation. */
  readonly readBack?: ReadBack;
}

/** Policy said no. Durable before the caller hears of it. */
export function denialRecord(change: Change, decision: Decision, input: PolicyInput): AuditRecord {
  return auditRecord({
    ...changeEvent(change, decision),
    code: "credential.status.denied",
    time: change.context.receivedAt,
    disposition: "Blocked",
    severity: "Medium",
    status: "Failure",
    statusCode: decision.reasons[0]?.code,
    statusDetail: sentences(decision),
    message: `${change.action} to ${change.status} denied for ${principalKey(change.principal)}`,
    unmapped: { decision: kept(decision), input } satisfies ChangeFacts,
  });
}

/** Lockkeeper is about to ask IAM. Durable before anything is sent. */
export function intentRecord(
  change: Change,
  decision: Decision,
  input: PolicyInput,
  deadline: number,
  time: number,
): AuditRecord {
  return auditRecord({
    ...changeEvent(change, decision),
    code: "credential.status.intent",
    time,
    disposition: "Allowed",
    severity: "Informational",
    status: "Pending",
    statusDetail: sentences(decision),
    message: `${change.action} to ${change.status} allowed for ${principalKey(change.principal)}`,
    unmapped: { decision: kept(decision), input, deadline } satisfies ChangeFacts,
  });
}

/** What IAM answered, or that its answer is not known. Durable before the caller hears of it. */
export function outcomeRecord(
  change: Change,
  decision: Decision | undefined,
  outcome: Outcome,
  previousStatus: ObservedStatus | null,
  time: number,
): AuditRecord {
  const event = changeEvent(change, decision);
  const failed = outcome.name === "applied" ? undefined : outcome;
  return auditRecord({
    ...event,
    code: "credential.status.outcome",
    time,
    disposition: "Allowed",
    severity: outcome.name === "unknown" ? "High" : "Informational",
    status: outcome.name === "applied" ? "Success" : outcome.name === "failed" ? "Failure" : "Unknown",
    statusCode: failed?.code,
    statusDetail: failed?.message,
    message: `${change.action} to ${change.status}: ${outcome.name}`,
    api: {
      ...event.api,
      request: { uid: change.id, data: { status: change.status, previous_status: previousStatus } },
      response: {
        ...("httpStatus" in outcome && outcome.httpStatus !== undefined && { code: outcome.httpStatus }),
        ...(failed && { error: failed.code, error_message: failed.message }),
        ...("awsRequestId" in outcome && { data: { aws_request_id: outcome.awsRequestId } }),
      },
    },
    unmapped: { outcome, previousStatus } satisfies ChangeFacts,
  });
}

/** What the credential looked like after an unknown outcome. It cannot say who made it so. */
export function reconciledRecord(change: Change, readBack: ReadBack, time: number): AuditRecord {
  return auditRecord({
    ...changeEvent(change, undefined),
    // The look was Lockkeeper's own, not the caller's.
    ...self,
    code: "credential.status.reconciled",
    time,
    severity: readBack.result === "as-wanted" ? "Informational" : "High",
    status: readBack.result === "as-wanted" ? "Success" : readBack.result === "not-as-wanted" ? "Failure" : "Unknown",
    statusCode: readBack.result,
    message: `${change.action} to ${change.status}: read back ${readBack.result}`,
    unmapped: { readBack } satisfies ChangeFacts,
  });
}

/** Somebody asked what policy would say. */
export function whatIfRecord(change: Change, decision: Decision, input: PolicyInput): AuditRecord {
  return auditRecord({
    ...changeEvent(change, decision),
    code: "credential.status.what-if",
    time: change.context.receivedAt,
    // Nothing was let through or held up: it was only a question.
    activity: "Read",
    severity: "Informational",
    status: "Success",
    statusCode: decision.allow ? "would-allow" : "would-deny",
    statusDetail: sentences(decision),
    message: `What if: ${change.action} to ${change.status} for ${principalKey(change.principal)}`,
    unmapped: { decision: kept(decision), input } satisfies ChangeFacts,
  });
}

/** The parts of an event that all records of a change share. */
function changeEvent(
  change: Change,
  decision: Decision | undefined,
): Pick<
  Event,
  "correlation" | "activity" | "actor" | "sourceEndpoint" | "httpRequestId" | "api" | "account" | "resources"
> {
  const { credential } = change;
  return {
    correlation: change.id,
    activity: "Update",
    ...caller(change.principal, change.context, decision),
    api: {
      operation: change.action.slice("iam:".length),
      service: { name: "iam.amazonaws.com" },
      request: { uid: change.id, data: { status: change.status } },
    },
    account: credential.account,
    resources: [
      {
        type: credential.type,
        uid: credential.id,
        owner: { name: credential.userName, uid: userArn(credential) },
      },
    ],
  };
}
