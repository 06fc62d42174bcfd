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
