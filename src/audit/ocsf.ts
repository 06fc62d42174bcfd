import { randomUUIDv7 } from "node:crypto";
import { LockkeeperError } from "../errors.ts";
import { version } from "../version.ts";
import type { AuditRecord } from "./journal.ts";

/**
 * The kinds of records. `metadata.event_code`, stable.
 * A change leaves a denial, or an intent, an outcome and, if that was unknown, a reconciliation.
 */
export type EventCode =
  | "credential.status.denied"
  | "credential.status.intent"
  | "credential.status.outcome"
  | "credential.status.reconciled"
  | "credential.status.what-if"
  | "lockkeeper.read.denied"
  | "lockkeeper.action.denied"
  | "lockkeeper.authentication.failed"
  | "lockkeeper.rate-limited"
  | "lockkeeper.api-key.created"
  | "lockkeeper.api-key.revoked"
  | "lockkeeper.aws-key.created"
  | "lockkeeper.aws-key.revoked"
  | "lockkeeper.aws-key.resealed"
  | "lockkeeper.service.started"
  | "lockkeeper.service.stopped"
  | "lockkeeper.audit-key.changed"
  | "lockkeeper.policy.activated"
  | "lockkeeper.policy.refused"
  | "lockkeeper.policy.quarantined"
  | "lockkeeper.audit.read"
  | "lockkeeper.audit.recovered"
  | "lockkeeper.audit.pruned";

/** The parts of an OCSF 1.8 API Activity event (class 6003) that differ from record to record. */
export interface Event {
  readonly code: EventCode;
  readonly correlation: string;
  /** Epoch milliseconds. */
  readonly time: number;
  /** Of a record that stands for several events; the times are epoch milliseconds. */
  readonly occurrences?: { readonly count: number; readonly first: number; readonly last: number };
  readonly activity: "Update" | "Read" | "Create" | "Delete" | "Other";
  /** Absent where nothing was decided, as at start. */
  readonly disposition?: "Allowed" | "Blocked";
  readonly severity: "Informational" | "Low" | "Medium" | "High";
  readonly status: "Success" | "Failure" | "Unknown" | "Pending";
  readonly statusCode?: string | undefined;
  readonly statusDetail?: string | undefined;
  readonly message: string;
  readonly actor: object;
  readonly sourceEndpoint: object;
  readonly httpRequestId?: string;
  readonly api: object;
  readonly account?: string;
  readonly resources?: readonly object[];
  /** What OCSF has no place for; `record.ts` reads it back. */
  readonly unmapped: object;
}

const activities = { Other: 99, Create: 1, Read: 2, Update: 3, Delete: 4 } as const;
const severities = { Informational: 1, Low: 2, Medium: 3, High: 4 } as const;
const statuses = { Unknown: 0, Success: 1, Failure: 2, Pending: 99 } as const;
const dispositions = { Allowed: 1, Blocked: 2 } as const;

/** tlog-tiles entry bundles count an entry's bytes in a uint16 (c2sp.org/tlog-tiles). */
const MAX_RECORD_BYTES = 65_535;

const product = Object.freeze({ name: "Lockkeeper", vendor_name: "Lockkeeper", version });
const profiles = Object.freeze(["cloud", "security_control"]);

/**
 * The event as a record, with an id of its own.
 * @throws LockkeeperError `audit-unavailable` for a record that is too large for the log: then nothing goes ahead
 */
export function auditRecord(event: Event): AuditRecord {
  const uid = randomUUIDv7();
  const activityId = activities[event.activity];
  const body = wellFormedJson({
    class_uid: 6003,
    category_uid: 6,
    activity_id: activityId,
    activity_name: event.activity,
    type_uid: 600_300 + activityId,
    time: event.time,
    count: event.occurrences?.count,
    start_time: event.occurrences?.first,
    end_time: event.occurrences?.last,
    severity_id: severities[event.severity],
    severity: event.severity,
    status_id: statuses[event.status],
    status: event.status,
    status_code: event.statusCode,
    status_detail: event.statusDetail,
    message: event.message,
    ...(event.disposition && {
      action_id: dispositions[event.disposition],
      action: event.disposition === "Allowed" ? "Allowed" : "Denied",
      disposition_id: dispositions[event.disposition],
      disposition: event.disposition,
    }),
    metadata: {
      version: "1.8.0",
      product,
      profiles,
      uid,
      correlation_uid: event.correlation,
      event_code: event.code,
    },
    actor: event.actor,
    src_endpoint: event.sourceEndpoint,
    ...(event.httpRequestId !== undefined && { http_request: { uid: event.httpRequestId } }),
    api: event.api,
    cloud: { provider: "AWS", ...(event.account !== undefined && { account: { uid: event.account } }) },
    resources: event.resources,
    unmapped: event.unmapped,
  });
  if (Buffer.byteLength(body) > MAX_RECORD_BYTES) {
    throw new LockkeeperError(
      "audit-unavailable",
      `This request's audit record would be larger than ${MAX_RECORD_BYTES} bytes, so nothing was done. Shorten its reason, or the principal's list of groups.`,
    );
  }
  return { uid, correlation: event.correlation, code: event.code, time: event.time, body };
}

/**
 * JSON whose strings are well-formed Unicode: half a surrogate pair, where somebody's text was cut, becomes U+FFFD. As
 * an escape it would be JSON too, but not I-JSON (RFC 7493, 2.1), and other readers refuse it or see another text.
 */
function wellFormedJson(value: object): string {
  const json = JSON.stringify(value);
  // JSON.stringify escapes surrogates only where they are alone, so the second, slow way is hardly ever taken.
  return json.includes("\\ud") ? JSON.stringify(value, wellFormed) : json;
}

function wellFormed(_key: string, value: unknown): unknown {
  return typeof value === "string" ? value.toWellFormed() : value;
}
