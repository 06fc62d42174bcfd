import { randomUUIDv7 } from "node:crypto";
import { type Principal, principalKey } from "../authn/principal.ts";
import { self } from "./caller.ts";
import type { AuditRecord } from "./journal.ts";
import { auditRecord, type Event } from "./ocsf.ts";

/** An issued key as records speak of it. */
export interface RecordedKey {
  readonly id: string;
  readonly principal: Pick<Principal, "id" | "issuer" | "kind">;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}

/** An API key came into being, or was revoked. Made on the machine itself, by whoever may open its data folder. */
export function keyRecord(kind: "created" | "revoked", key: RecordedKey, time: number): AuditRecord {
  return issuedKeyRecord(
    {
      code: `lockkeeper.api-key.${kind}`,
      activity: kind === "created" ? "Create" : "Delete",
      message: `API key ${key.id} of ${principalKey(key.principal)} ${kind}`,
      api: { operation: kind === "created" ? "lockkeeper:CreateApiKey" : "lockkeeper:RevokeApiKey" },
    },
    "api-key",
    key,
    time,
  );
}

const awsKeyEvents = {
  created: { activity: "Create", operation: "lockkeeper:CreateAwsKey", done: "created" },
  revoked: { activity: "Delete", operation: "lockkeeper:RevokeAwsKey", done: "revoked" },
  resealed: { activity: "Update", operation: "lockkeeper:ResealAwsKey", done: "encrypted under another key" },
} as const;

/**
 * The same of an AWS key pair; or its secret was encrypted under another key.
 * @param key with the id of the key that its secret is encrypted under from now on, as far as there is one
 */
export function awsKeyRecord(
  kind: keyof typeof awsKeyEvents,
  key: RecordedKey & { readonly sealedUnder?: string },
  time: number,
): AuditRecord {
  const { activity, operation, done } = awsKeyEvents[kind];
  return issuedKeyRecord(
    {
      code: `lockkeeper.aws-key.${kind}`,
      activity,
      message: `AWS key pair ${key.id} of ${principalKey(key.principal)} ${done}`,
      api: { operation },
    },
    "aws-key",
    key,
    time,
  );
}

function issuedKeyRecord(
  event: Pick<Event, "code" | "activity" | "message" | "api">,
  type: "api-key" | "aws-key",
  key: RecordedKey & { readonly sealedUnder?: string },
  time: number,
): AuditRecord {
  const { id, principal, expiresAt, sealedUnder } = key;
  return auditRecord({
    ...self,
    ...event,
    correlation: id,
    time,
    severity: "Low",
    status: "Success",
    resources: [{ type, uid: id, owner: { uid: principal.id, type: principal.kind } }],
    unmapped: { principal, expires_at: expiresAt, encryption_key: sealedUnder },
  } satisfies Event);
}

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

/** The policies that decide from now on, and the site's data beside them. */
export interface ActivatedPolicy {
  readonly revision: string;
  /** SHA-256 of the WebAssembly, hex; decisions name it too. */
  readonly wasmDigest: string;
  /** SHA-256 of the site's data as JSON with sorted keys, hex. */
  readonly dataDigest: string;
}

/**
 * Policies were put in force. Durable before the first request is put before them.
 * @param instance the run of the service that did it
 */
export function policyRecord(policy: ActivatedPolicy, instance: string, account: string, time: number): AuditRecord {
  const { revision, wasmDigest, dataDigest } = policy;
  return auditRecord({
    ...self,
    code: "lockkeeper.policy.activated",
    correlation: instance,
    time,
    activity: "Update",
    severity: "Informational",
    status: "Success",
    message: `Policies ${revision} are in force`,
    api: { operation: "lockkeeper:ActivatePolicy" },
    account,
    resources: [{ type: "policy-bundle", uid: revision, version: wasmDigest }],
    unmapped: { revision, wasm_digest: wasmDigest, data_digest: dataDigest },
  } satisfies Event);
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
  instance: string,
  account: string,
  time: number,
): AuditRecord {
  return auditRecord({
    ...self,
    code: "lockkeeper.policy.refused",
    correlation: instance,
    time,
    activity: "Update",
    disposition: "Blocked",
    severity: "Medium",
    status: "Failure",
    statusCode: code,
    statusDetail: message,
    message: `Policies ${revision ?? "of unknown revision"} were refused: ${code}`,
    api: { operation: "lockkeeper:ActivatePolicy" },
    account,
    resources: [{ type: "policy-bundle", uid: revision ?? "unknown" }],
    unmapped: { revision, bundle_digest: bundleDigest },
  } satisfies Event);
}

/** Policies were too slow in service, and those before them decide again. */
export function policyQuarantinedRecord(
  quarantined: ActivatedPolicy,
  restored: ActivatedPolicy,
  instance: string,
  account: string,
  time: number,
): AuditRecord {
  return auditRecord({
    ...self,
    code: "lockkeeper.policy.quarantined",
    correlation: instance,
    time,
    activity: "Update",
    severity: "High",
    status: "Failure",
    message: `Policies ${quarantined.revision} were too slow; ${restored.revision} are in force again`,
    api: { operation: "lockkeeper:QuarantinePolicy" },
    account,
    resources: [{ type: "policy-bundle", uid: quarantined.revision, version: quarantined.wasmDigest }],
    unmapped: {
      revision: quarantined.revision,
      wasm_digest: quarantined.wasmDigest,
      data_digest: quarantined.dataDigest,
      restored: {
        revision: restored.revision,
        wasm_digest: restored.wasmDigest,
        data_digest: restored.dataDigest,
      },
    },
  } satisfies Event);
}

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
