import { self } from "./caller.ts";
import type { AuditRecord } from "./journal.ts";
import { auditRecord, type Event } from "./ocsf.ts";

/** Policies, and the site's data beside them. */
export interface ActivatedPolicy {
  readonly revision: string;
  /** SHA-256 of the WebAssembly, hex; decisions name it too. */
  readonly wasmDigest: string;
  /** SHA-256 of the site's data as JSON with sorted keys, hex. */
  readonly dataDigest: string;
}

/** Which run of the service did it, in which account, and when (epoch milliseconds). */
export interface PolicyEventSource {
  readonly instance: string;
  readonly account: string;
  readonly time: number;
}

/** Policies were put in force. Durable before the first request is put before them. */
export function policyRecord(policy: ActivatedPolicy, source: PolicyEventSource): AuditRecord {
  return policyEvent(source, {
    code: "lockkeeper.policy.activated",
    severity: "Informational",
    status: "Success",
    message: `Policies ${policy.revision} are in force`,
    api: { operation: "lockkeeper:ActivatePolicy" },
    resources: [bundleOf(policy)],
    unmapped: namesOf(policy),
  });
}

/** Policies, or the site's data, that were not put in force. */
export interface RefusedPolicy {
  /** Stable, such as `bundle-older`. */
  readonly code: string;
  readonly message: string;
  /** As far as it could be read from what was believed. */
  readonly revision?: string | undefined;
  /** Of the bundle's files, SHA-256, hex. */
  readonly bundleDigest?: string | undefined;
}

/** What was in force before stays so. */
export function policyRefusedRecord(
  { code, message, revision, bundleDigest }: RefusedPolicy,
  source: PolicyEventSource,
): AuditRecord {
  return policyEvent(source, {
    code: "lockkeeper.policy.refused",
    disposition: "Blocked",
    severity: "Medium",
    status: "Failure",
    statusCode: code,
    statusDetail: message,
    message: `Policies ${revision ?? "of unknown revision"} were refused: ${code}`,
    api: { operation: "lockkeeper:ActivatePolicy" },
    resources: [{ type: "policy-bundle", uid: revision ?? "unknown" }],
    unmapped: { revision, bundle_digest: bundleDigest },
  });
}

/** Policies were too slow in service, and those before them decide again. */
export function policyQuarantinedRecord(
  quarantined: ActivatedPolicy,
  restored: ActivatedPolicy,
  source: PolicyEventSource,
): AuditRecord {
  return policyEvent(source, {
    code: "lockkeeper.policy.quarantined",
    severity: "High",
    status: "Failure",
    message: `Policies ${quarantined.revision} were too slow; ${restored.revision} are in force again`,
    api: { operation: "lockkeeper:QuarantinePolicy" },
    resources: [bundleOf(quarantined)],
    unmapped: { ...namesOf(quarantined), restored: namesOf(restored) },
  });
}

function policyEvent(
  { instance, account, time }: PolicyEventSource,
  event: Omit<Event, keyof typeof self | "correlation" | "time" | "activity" | "account">,
): AuditRecord {
  return auditRecord({ ...self, ...event, correlation: instance, time, activity: "Update", account } satisfies Event);
}

function bundleOf({ revision, wasmDigest }: ActivatedPolicy) {
  return { type: "policy-bundle", uid: revision, version: wasmDigest };
}

function namesOf({ revision, wasmDigest, dataDigest }: ActivatedPolicy) {
  return { revision, wasm_digest: wasmDigest, data_digest: dataDigest };
}
