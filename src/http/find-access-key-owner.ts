import type { RequestHandler } from "express";
import type { Iam } from "../changes/iam-answers.ts";
import { authorizeRead, type PepOptions } from "../policy/pep.ts";
import { operation } from "./operation.ts";
import { deniedReadReply } from "./status-change-reply.ts";

export interface FindAccessKeyOwnerOptions {
  readonly pep: PepOptions;
  readonly iam: Pick<Iam, "ownerOf" | "statusOf">;
  /** The AWS account, twelve digits. */
  readonly account: string;
  /** Milliseconds for each of the two look-ups at IAM. */
  readonly readDeadlineMs: number;
}

/** `GET /v1/access-keys/{id}`: whose access key it is, its status, and its last use. */
export function findAccessKeyOwner({ pep, iam, account, readDeadlineMs }: FindAccessKeyOwnerOptions): RequestHandler {
  return operation("findAccessKeyOwner")(async ({ path: { id }, principal, context }) => {
    const action = "lockkeeper:FindAccessKeyOwner";
    const credential = { type: "access-key", id, account } as const;
    const authorization = await authorizeRead(pep, { action, principal, credential, context });
    if (!authorization.allowed) return deniedReadReply(authorization);

    const { userName, lastUsed } = await iam.ownerOf(id, readDeadlineMs);
    const status = await iam.statusOf({ ...credential, userName }, readDeadlineMs);
    const body = {
      id,
      userName,
      account,
      status,
      lastUsed: lastUsed && { ...lastUsed, at: new Date(lastUsed.at).toISOString() },
    };
    return { status: 200, body };
  });
}
