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
