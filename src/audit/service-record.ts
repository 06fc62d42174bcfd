import { self } from "./caller.ts";
import type { AuditRecord } from "./journal.ts";
import { auditRecord, type Event } from "./ocsf.ts";

/** One run of the service, as its own records name it. */
export interface ServiceRun {
  /** UUIDv7, anew at each start: its records' correlation. */
  readonly instance: string;
  /** SHA-256 of the configuration, hex. */
  readonly configDigest: string;
  readonly revision: string;
  readonly account: string;
  /** The log that it writes to, and under which key it signs: a verifier key (c2sp.org/signed-note), which is public. */
  readonly log: { readonly origin: string; readonly verifierKey: string };
}

/** The service started or stopped, with the digest of its configuration (secrets left out of it). */
export function serviceRecord(kind: "started" | "stopped", service: ServiceRun, time: number): AuditRecord {
  return auditRecord({
    ...self,
    code: `lockkeeper.service.${kind}`,
    correlation: service.instance,
    time,
    activity: "Other",
    severity: "Informational",
    status: "Success",
    message: `Lockkeeper ${kind}`,
    api: { operation: kind === "started" ? "lockkeeper:Start" : "lockkeeper:Stop" },
    account: service.account,
    unmapped: {
      config_digest: service.configDigest,
      policy_revision: service.revision,
      log_origin: service.log.origin,
      log_verifier_key: service.log.verifierKey,
    },
  } satisfies Event);
}
