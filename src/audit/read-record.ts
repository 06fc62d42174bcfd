import { type Principal, principalKey } from "../authn/principal.ts";
import type { RequestContext } from "../changes/change.ts";
import type { Decision } from "../policy/decision.ts";
import type { PolicyInput, ReadRequest } from "../policy/input.ts";
import { caller, kept, sentences } from "./caller.ts";
import type { AuditRecord } from "./journal.ts";
import { auditRecord } from "./ocsf.ts";

/** Policy did not let somebody look at something. */
export function readDenialRecord(read: ReadRequest, decision: Decision, input: PolicyInput): AuditRecord {
  return auditRecord({
    code: "lockkeeper.read.denied",
    correlation: decision.id,
    time: read.context.receivedAt,
    activity: "Read",
    disposition: "Blocked",
    severity: "Medium",
    status: "Failure",
    statusCode: decision.reasons[0]?.code,
    statusDetail: sentences(decision),
    message: `${read.action} denied for ${principalKey(read.principal)}`,
    ...caller(read.principal, read.context, decision),
    api: { operation: read.action, request: { uid: read.context.requestId } },
    ...(read.credential && { account: read.credential.account }),
    unmapped: { decision: kept(decision), input },
  });
}

/** An action of IAM's that somebody asked for, and that Lockkeeper carries out for nobody. */
export interface ForeignAction {
  /** AWS's name of it: `iam:CreateAccessKey`. Its parameters are not kept: they may hold a password. */
  readonly action: string;
  readonly principal: Principal;
  readonly context: RequestContext;
  /** The AWS account, twelve digits. */
  readonly account: string;
}

/** Somebody asked for what Lockkeeper carries out for nobody, whatever policy says: it was not asked. */
export function actionDenialRecord({ action, principal, context, account }: ForeignAction): AuditRecord {
  return auditRecord({
    code: "lockkeeper.action.denied",
    correlation: context.requestId,
    time: context.receivedAt,
    activity: "Other",
    disposition: "Blocked",
    severity: "Medium",
    status: "Failure",
    statusCode: "not-carried-out",
    statusDetail: "Lockkeeper carries this action out for nobody.",
    message: `${action} denied for ${principalKey(principal)}`,
    ...caller(principal, context, undefined),
    api: { operation: action, request: { uid: context.requestId } },
    account,
    unmapped: {},
  });
}

/** What of the log somebody asked for. */
export interface AuditRead {
  /** The contract's `operationId`. */
  readonly operation: string;
  /** The filters, cursor and indexes that were given, each of them validated; never a whole query string. */
  readonly query: Readonly<Record<string, string | number>>;
}

/** Somebody reads the log. Durable before anything of it is shown. */
export function auditReadRecord(
  principal: Principal,
  context: RequestContext,
  what: AuditRead,
  decision: Decision,
  input: PolicyInput,
): AuditRecord {
  return auditRecord({
    code: "lockkeeper.audit.read",
    correlation: decision.id,
    time: context.receivedAt,
    activity: "Read",
    disposition: "Allowed",
    severity: "Informational",
    status: "Success",
    statusCode: decision.reasons[0]?.code,
    statusDetail: sentences(decision),
    message: `${principalKey(principal)} reads the audit log: ${what.operation}`,
    ...caller(principal, context, decision),
    api: { operation: "lockkeeper:ReadAudit", request: { uid: context.requestId, data: what.query } },
    resources: [{ type: "audit-log", name: what.operation }],
    unmapped: { decision: kept(decision), input, read: what },
  });
}
