import { unauthenticated } from "../failure.ts";
import { isIamUserName } from "../iam-user-name.ts";
import type { Principal, PrincipalKind } from "../principal.ts";

/** Who STS says that somebody is. */
export interface AwsIdentity {
  /** Twelve digits. */
  readonly account: string;
  readonly arn: string;
}

/** What the operator says of AWS principals. */
export interface AwsPrincipalTerms {
  /** The accounts whose users and roles are let in. */
  readonly accounts: readonly string[];
  /** What IAM users are to policy. Roles are services. */
  readonly userKind: PrincipalKind;
  /** Whether an IAM user of `ownAccount` is the IAM user of that name, and so the owner of its credentials. */
  readonly trustUserNames: boolean;
  /** The account whose credentials this gateway switches. */
  readonly ownAccount: string;
}

/** The policy input's schema has no longer ids; IAM's paths may be longer. */
const MAX_ID_LENGTH = 256;

/** The path's segments, and then the name. IAM would allow any printable ASCII in a path; names of this kind suffice. */
const userArn = /^arn:aws[a-z-]{0,20}:iam::([0-9]{12}):(user\/(?:[\w+=,.@-]+\/)*([\w+=,.@-]+))$/;

/** STS leaves the role's path out: role names are unique in their account without it. The session's name comes last. */
const roleArn = /^arn:aws[a-z-]{0,20}:sts::([0-9]{12}):(assumed-role\/[\w+=,.@-]{1,64})\/[\w+=,.@-]{2,64}$/;

/**
 * The principal whom an AWS identity is here: an IAM user, or a role, whoever's session of it this is. Nobody else: not
 * an account's root, whom nothing limits, and no federated user, whose name is whatever its maker chose.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
 *
 * @returns `issuer` `sts:` and the account, `id` `user/path/name` or `assumed-role/name`
 * @throws LockkeeperError `unauthenticated`
 */
export function principalOfAwsIdentity({ account, arn }: AwsIdentity, terms: AwsPrincipalTerms): Principal {
  if (!terms.accounts.includes(account))
    throw unauthenticated("STS knows the caller, in an account that is not let in");
  const [, userAccount, userId, userName] = userArn.exec(arn) ?? [];
  const [, roleAccount, roleId] = roleArn.exec(arn) ?? [];
  const id = userId ?? roleId;
  if (id === undefined || id.length > MAX_ID_LENGTH) {
    throw unauthenticated("STS knows the caller, who is neither an IAM user nor a role with a name that fits");
  }
  if ((userAccount ?? roleAccount) !== account) throw unauthenticated("STS named an ARN of another account");
  const own = terms.trustUserNames && account === terms.ownAccount;
  return Object.freeze({
    id,
    issuer: `sts:${account}`,
    kind: userId === undefined ? "service" : terms.userKind,
    ...(own && userName !== undefined && isIamUserName(userName) && { userName }),
    groups: Object.freeze([]),
    authn: "sts",
  });
}
