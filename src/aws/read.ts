import type { Iam, IamReadParameters } from "../changes/iam-answers.ts";
import { LockkeeperError } from "../errors.ts";
import type { PolicyCredential } from "../policy/input.ts";
import { authorizeRead, type PepOptions } from "../policy/pep.ts";
import type { Action } from "./actions.ts";
import type { AwsCall } from "./call.ts";
import { accessDenied } from "./errors.ts";
import { resultXml } from "./result-xml.ts";

export interface ReadOptions {
  readonly pep: PepOptions;
  readonly iam: Pick<Iam, "readThrough">;
  /** The AWS account, twelve digits. */
  readonly account: string;
  /** Milliseconds for a look-up at IAM. */
  readonly readDeadlineMs: number;
}

type Read = Extract<Action, { kind: "read" }>;

/**
 * Hands a read through to IAM when policy allows it, page by page as the client asks.
 * @returns what is inside the answer's `…Result` element
 * @throws AwsRefusal `AccessDenied`; LockkeeperError `user-name-required`, `audit-unavailable`, `iam-…`
 */
export async function read(options: ReadOptions, action: Read, call: AwsCall): Promise<string> {
  const { pep, iam, account, readDeadlineMs } = options;
  const { parameters, principal, context } = call;
  const userName = action.ofUser ? (parameters.get("UserName") ?? ownUserName(principal)) : undefined;
  const id = parameters.get("AccessKeyId");
  const credential: PolicyCredential = {
    account,
    ...(action.type !== undefined && { type: action.type }),
    ...(id !== undefined && { id }),
    ...(userName !== undefined && { userName }),
  };
  const authorization = await authorizeRead(pep, { action: action.action, principal, credential, context });
  if (!authorization.allowed) {
    const { decision } = authorization;
    const resource = userName !== undefined ? `user ${userName}` : id !== undefined ? `access key ${id}` : "*";
    throw accessDenied({ principal, account, action: action.action, resource, decision });
  }
  return resultXml(await iam.readThrough(action.action, asked(parameters, userName), readDeadlineMs));
}

function asked(parameters: ReadonlyMap<string, string>, userName: string | undefined): IamReadParameters {
  const { UserName: _, MaxItems: maxItems, ...rest } = Object.fromEntries(parameters);
  return {
    ...rest,
    ...(userName !== undefined && { UserName: userName }),
    ...(maxItems !== undefined && { MaxItems: Number(maxItems) }),
  };
}

function ownUserName({ userName }: AwsCall["principal"]): string {
  if (userName === undefined) throw new LockkeeperError("user-name-required", "Name the user.");
  return userName;
}
