import { LockkeeperError } from "../errors.ts";
import type { AwsIam } from "./client.ts";

export interface OwnUserOptions {
  readonly account: string;
  /** The name that the operator gave, whatever AWS says. */
  readonly ownUserName?: string | undefined;
  readonly readDeadlineMs: number;
}

/**
 * Asks AWS who the gateway itself is.
 * @returns the names of its own IAM user, the configured and the found one: nobody changes those users' credentials
 * @throws LockkeeperError `configuration` for another account than the configured one, where every change would go to
 *   the wrong place, and for the account's root; `iam-refused`, `iam-unavailable` when AWS does not tell
 */
export async function ownUserNames(
  iam: Pick<AwsIam, "callerIdentity">,
  { account, ownUserName, readDeadlineMs }: OwnUserOptions,
): Promise<readonly string[]> {
  const identity = await iam.callerIdentity(readDeadlineMs);
  if (identity.account !== account) {
    throw new LockkeeperError(
      "configuration",
      `The AWS credentials that Lockkeeper found belong to account ${identity.account}, but iam.account is ${account}. Give it credentials of that account, or mend the configuration.`,
    );
  }
  if (/^arn:[a-z-]+:iam::[0-9]{12}:root$/.test(identity.arn)) {
    throw new LockkeeperError(
      "configuration",
      "The AWS credentials that Lockkeeper found are those of the account's root, whom no IAM policy limits. Give it a role, or an IAM user, that may do no more than Lockkeeper needs.",
    );
  }
  // arn:aws:iam::123456789012:user/path/to/name; roles have "assumed-role/…", which no update can touch.
  const found = /^arn:[a-z-]+:iam::[0-9]{12}:user\/(?:.*\/)?([^/]+)$/.exec(identity.arn)?.[1];
  return [ownUserName, found].filter((name) => name !== undefined);
}
