import { randomUUIDv7 } from "node:crypto";
import { type Principal, principalKey } from "../authn/principal.ts";
import type { AuditRecord } from "./journal.ts";
import { auditRecord, type Event } from "./ocsf.ts";

/** How often something happened, and when first and last (epoch milliseconds). */
export type Occurrences = NonNullable<Event["occurrences"]>;

/** OCSF wants an actor also where it is not known who it was. */
const nobodyKnown = { app_name: "unknown" } as const;

/**
 * Callers who could not prove who they are.
 * @param sourceIp the address of the first of one source; undefined for several sources together
 */
export function failedAuthenticationRecord(sourceIp: string | undefined, seen: Occurrences): AuditRecord {
  return auditRecord({
    ...refused(seen, sourceIp),
    code: "lockkeeper.authentication.failed",
    message: `${seen.count} failed authentications from ${sourceIp ?? "other sources"}`,
    actor: nobodyKnown,
    api: { operation: "lockkeeper:Authenticate" },
    unmapped: {},
  });
}

/** A principal that used up a quota, or a source that did: what is counted is what was refused. */
export interface RateLimited {
  /** Absent for what is public. */
  readonly principal?: Pick<Principal, "id" | "issuer" | "kind">;
  /** The quota's name: `changes`, `reads`, … */
  readonly quota: string;
  /** Of the first request. */
  readonly sourceIp: string;
}

/** @param limited undefined for several principals together */
export function rateLimitRecord(limited: RateLimited | undefined, seen: Occurrences): AuditRecord {
  const { principal, quota, sourceIp } = limited ?? {};
  return auditRecord({
    ...refused(seen, sourceIp),
    code: "lockkeeper.rate-limited",
    statusCode: quota,
    message: `${seen.count} requests over the limit of ${principal ? principalKey(principal) : (sourceIp ?? "others")}`,
    actor: principal
      ? { user: { uid: principal.id, type: principal.kind }, session: { issuer: principal.issuer } }
      : nobodyKnown,
    api: { operation: "lockkeeper:RateLimit" },
    unmapped: {},
  });
}

/** The parts of an event that stands for many requests which policy was not asked about. */
function refused(seen: Occurrences, sourceIp: string | undefined) {
  return {
    correlation: randomUUIDv7(),
    time: seen.last,
    occurrences: seen,
    activity: "Other",
    disposition: "Blocked",
    severity: "Low",
    status: "Failure",
    sourceEndpoint: sourceIp === undefined ? { name: "other sources" } : { ip: sourceIp },
  } as const;
}
