import type { RequestHandler } from "express";
import { credentialTypeNames, credentialTypes } from "../changes/credential.ts";
import type { Iam } from "../changes/iam-answers.ts";
import { authorizeRead, type PepOptions } from "../policy/pep.ts";
import { operation } from "./operation.ts";
import { deniedReadReply } from "./status-change-reply.ts";

export interface ListCredentialsOptions {
  readonly pep: PepOptions;
  readonly iam: Pick<Iam, "list">;
  /** The AWS account, twelve digits. */
  readonly account: string;
  /** Milliseconds for a look-up at IAM. */
  readonly readDeadlineMs: number;
}

/** `GET /v1/users/{userName}/credentials`: the user's credentials of all types, in the order of the types' table. */
export function listCredentials({ pep, iam, account, readDeadlineMs }: ListCredentialsOptions): RequestHandler {
  return operation("listCredentials")(async ({ path: { userName }, principal, context }) => {
    const action = "lockkeeper:ListCredentials";
    const authorization = await authorizeRead(pep, { action, principal, credential: { userName, account }, context });
    if (!authorization.allowed) return deniedReadReply(authorization);

    // IAM refuses a name that is too long for a type, so a user of that name has no credential of it.
    const types = credentialTypeNames.filter((type) => userName.length <= credentialTypes[type].userNameMax);
    const lists = await Promise.all(types.map((type) => iam.list(type, userName, readDeadlineMs)));
    const credentials = lists.flat().map(({ type, id, userName: owner, status, createdAt, service }) => ({
      type,
      id,
      userName: owner,
      account,
      status,
      createdAt: createdAt === null ? null : new Date(createdAt).toISOString(),
      ...(service !== undefined && { service }),
    }));
    return { status: 200, body: { userName, account, credentials } };
  });
}
