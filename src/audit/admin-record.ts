import { type Principal, principalKey } from "../authn/principal.ts";
import type { AuditRecord } from "./journal.ts";
import { auditRecord, type Event } from "./ocsf.ts";

const self = { actor: { app_name: "lockkeeper" }, sourceEndpoint: { svc_name: "lockkeeper" } } as const;

/** An API key came into being, or was revoked. Made on the machine itself, by whoever may open its data folder. */
export function keyRecord(
  kind: "created" | "revoked",
  key: {
    readonly id: string;
    readonly principal: Pick<Principal, "id" | "issuer" | "kind">;
    readonly expiresAt: number;
  },
  time: number,
): AuditRecord {
  return auditRecord({
    ...self,
    code: `lockkeeper.api-key.${kind}`,
    correlation: key.id,
    time,
    activity: kind === "created" ? "Create" : "Delete",
    severity: "Low",
    status: "Success",
    message: `API key ${key.id} of ${principalKey(key.principal)} ${kind}`,
    api: { operation: kind === "created" ? "lockkeeper:CreateApiKey" : "lockkeeper:RevokeApiKey" },
    resources: [{ type: "api-key", uid: key.id, owner: { uid: key.principal.id, type: key.principal.kind } }],
    unmapped: { principal: key.principal, expires_at: key.expiresAt },
  } satisfies Event);
}

/** The service started or stopped, with the digest of its configuration (secrets left out of it). */
export function serviceRecord(
  kind: "started" | "stopped",
  service: {
    readonly instance: string;
    readonly configDigest: string;
    readonly revision: string;
    readonly account: string;
  },
  time: number,
): AuditRecord {
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
    unmapped: { config_digest: service.configDigest, policy_revision: service.revision },
  } satisfies Event);
}
