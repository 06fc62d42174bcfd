import { randomUUIDv7 } from "node:crypto";
import type { AuditRecord } from "./journal.ts";
import { auditRecord, type Event } from "./ocsf.ts";

/** Who works on the machine itself: the operating system's account. */
export interface Operator {
  readonly name: string;
  readonly uid: number;
}

/** What an outside memory had when the log was recovered. */
export interface RememberedOutside {
  readonly memory: string;
  /** The newest checkpoint that it keeps, as it was there; null when it keeps none, or was not asked. */
  readonly checkpoint: string | null;
  /** Why it could not be asked. */
  readonly fault?: string;
}

export interface Recovery {
  readonly reason: string;
  readonly operator: Operator;
  /** The new log's. */
  readonly origin: string;
  readonly verifierKey: string;
  readonly account: string;
  /** The log before it, as it was found. */
  readonly sealed: {
    /** Where it is now: a file, a schema. */
    readonly place: string;
    readonly origin: string;
    /** Records in it. */
    readonly size: number;
    /** Its newest signed head, a C2SP checkpoint; null of an empty log. */
    readonly checkpoint: string | null;
    /** Why what stood there as its head is left out. */
    readonly fault?: string;
  };
  readonly outside: readonly RememberedOutside[];
  /** What goes on in the new log. The records follow this one, byte by byte as they were. */
  readonly carried: {
    readonly changes: number;
    readonly records: number;
    readonly apiKeys: number;
    /** Carried records that no signed head of the old log proves to be as they were written. */
    readonly unproven: number;
    /** Indexes in the old log of the first of them. */
    readonly damaged: readonly number[];
    /** Open changes of which a record has no body, so that they could not be carried over. */
    readonly lost: readonly string[];
  };
}

/** Of the record with which a log begins that a recovery has opened. */
export const RECOVERED_CODE = "lockkeeper.audit.recovered";

/** A log was given up and a new one begun: the first record of the new one, which ties the two together. */
export function recoveredRecord(recovery: Recovery, time: number): AuditRecord {
  const { reason, operator, origin, verifierKey, account, sealed, outside, carried } = recovery;
  return auditRecord({
    ...by(operator),
    code: RECOVERED_CODE,
    correlation: randomUUIDv7(),
    time,
    activity: "Create",
    severity: "High",
    status: "Success",
    statusDetail: reason,
    message: `The log ${sealed.origin} was sealed, and ${origin} begun in its place`,
    api: { operation: "lockkeeper:RecoverAuditLog" },
    account,
    resources: [{ type: "audit-log", uid: sealed.origin, name: sealed.place }],
    unmapped: {
      reason,
      origin,
      verifier_key: verifierKey,
      sealed,
      outside,
      carried: { ...carried, apiKeys: undefined, api_keys: carried.apiKeys },
    },
  } satisfies Event);
}

export interface Pruning {
  readonly operator: Operator;
  /** The log's. */
  readonly origin: string;
  readonly account: string;
  /** Bodies from this index on stay. */
  readonly beforeIndex: number;
  /** Epoch milliseconds: records that are younger stay. */
  readonly before: number;
  /** How many bodies go. */
  readonly records: number;
  /** How many changes go with them. */
  readonly changes: number;
  /** The head under which it was decided, a C2SP checkpoint. */
  readonly checkpoint: string;
}

/** Bodies of old records are dropped; their hashes stay in the tree. Durable before the first of them goes. */
export function prunedRecord(pruning: Pruning, time: number): AuditRecord {
  const { operator, origin, account, beforeIndex, before, records, changes, checkpoint } = pruning;
  return auditRecord({
    ...by(operator),
    code: "lockkeeper.audit.pruned",
    correlation: randomUUIDv7(),
    time,
    activity: "Delete",
    severity: "Low",
    status: "Success",
    message: `The bodies of ${records} records before index ${beforeIndex} are dropped`,
    api: { operation: "lockkeeper:PruneAuditLog" },
    account,
    resources: [{ type: "audit-log", uid: origin }],
    unmapped: { before_index: beforeIndex, before: new Date(before).toISOString(), records, changes, checkpoint },
  } satisfies Event);
}

/**
 * The log is signed with another key from now on; the head over this record is the first under the new one.
 * @param keys verifier keys (c2sp.org/signed-note), which are public
 */
export function keyChangedRecord(keys: { readonly former: string; readonly next: string }, time: number): AuditRecord {
  const [origin = ""] = keys.next.split("+");
  return auditRecord({
    actor: { app_name: "lockkeeper" },
    sourceEndpoint: { svc_name: "lockkeeper" },
    code: "lockkeeper.audit-key.changed",
    correlation: randomUUIDv7(),
    time,
    activity: "Update",
    severity: "Low",
    status: "Success",
    message: `The log ${origin} is signed with another key from here on`,
    api: { operation: "lockkeeper:ChangeAuditKey" },
    resources: [{ type: "audit-log", uid: origin }],
    unmapped: { former_verifier_key: keys.former, verifier_key: keys.next },
  } satisfies Event);
}

function by({ name, uid }: Operator): Pick<Event, "actor" | "sourceEndpoint"> {
  return {
    actor: { app_name: "lockkeeper", user: { name, uid: String(uid) } },
    sourceEndpoint: { svc_name: "lockkeeper" },
  };
}
