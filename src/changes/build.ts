import { createHash, randomUUIDv7 } from "node:crypto";
import type { Principal } from "../authn/principal.ts";
import { LockkeeperError } from "../errors.ts";
import type { Change, RequestContext } from "./change.ts";
import { type CredentialType, credentialTypes, type Status } from "./credential.ts";

/** What a caller asks for, as every front door hands it in: of the right shape, its strings within their patterns. */
export interface ChangeRequest {
  readonly credential: {
    readonly type: CredentialType;
    readonly id: string;
    readonly userName?: string;
    readonly account?: string;
  };
  readonly status: Status;
  readonly reason?: string;
  readonly ticket?: string;
  readonly onBehalfOf?: string;
}

/**
 * Turns a request into the one frozen value that policy, audit and IAM see.
 *
 * @param account the configured AWS account
 * @throws LockkeeperError `unknown-account`, `user-name-required`, `malformed-request`
 */
export function buildChange(
  request: ChangeRequest,
  principal: Principal,
  context: RequestContext,
  account: string,
): Change {
  const { type, id } = request.credential;
  if (request.credential.account !== undefined && request.credential.account !== account) {
    const faults = [{ at: "/credential/account", message: "must be the configured account, or be left out" }];
    throw new LockkeeperError("unknown-account", "This gateway does not serve that AWS account.", { faults });
  }
  const userName = request.credential.userName ?? ownUserName(principal);
  // The schema has seen a name that was sent, but not one that was filled in.
  if (userName.length > credentialTypes[type].userNameMax) {
    const message = `must not have more than ${credentialTypes[type].userNameMax} characters`;
    const faults = [{ at: "/credential/userName", message }];
    throw new LockkeeperError("malformed-request", "The user name is too long for this credential type.", { faults });
  }
  Object.freeze(principal.groups);
  return Object.freeze({
    id: randomUUIDv7(),
    action: credentialTypes[type].updateAction,
    principal: Object.freeze(principal),
    credential: Object.freeze({ type, id, userName, account }),
    status: request.status,
    ...(request.reason !== undefined && { reason: request.reason }),
    ...(request.ticket !== undefined && { ticket: Object.freeze({ id: request.ticket, verified: false }) }),
    ...(request.onBehalfOf !== undefined && { onBehalfOf: Object.freeze({ id: request.onBehalfOf }) }),
    context: Object.freeze(context),
  });
}

/**
 * IAM would take a missing `UserName` for the owner of the access key that signs, which behind a gateway is the
 * gateway's own user. Only the principal's own IAM user can stand in for it.
 */
function ownUserName({ userName }: Principal): string {
  if (userName !== undefined) return userName;
  const faults = [{ at: "/credential/userName", message: "is required: you have no IAM user of your own" }];
  throw new LockkeeperError(
    "user-name-required",
    "Say whose credential it is, in credential.userName. It may be left out only by somebody who has an IAM user.",
    { faults },
  );
}

/**
 * SHA-256, hex, of what a change asks for: the same for requests that ask for the same. Bound to an Idempotency-Key,
 * so that the key cannot be used for something else.
 */
export function changeRequestHash({ credential, status, reason, ticket, onBehalfOf }: Change): string {
  const { type, id, userName, account } = credential;
  const asked = [type, id, userName, account, status, reason ?? null, ticket?.id ?? null, onBehalfOf?.id ?? null];
  return createHash("sha256").update(JSON.stringify(asked)).digest("hex");
}
