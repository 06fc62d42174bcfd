import { GetAccessKeyLastUsedCommand, type IAMClient } from "@aws-sdk/client-iam";
import type { AccessKeyOwner } from "../changes/iam-answers.ts";
import { LockkeeperError } from "../errors.ts";
import { named } from "./call.ts";
import { failedRead } from "./translate.ts";

/**
 * IAM does not say NoSuchEntity for an access key that is not in this account. It says AccessDenied with this sentence,
 * which differs by a colon from the one for a missing permission (`to perform: iam:…`).
 */
const notInThisAccount = / is not authorized to perform iam:GetAccessKeyLastUsed on resource: access key /;

/**
 * Whose access key it is, and when it was last used.
 * @throws LockkeeperError `iam-entity-not-found` when it is no key of this account, `iam-refused`, `iam-unavailable`
 */
export async function accessKeyOwner(client: IAMClient, accessKeyId: string): Promise<AccessKeyOwner> {
  const { UserName: userName, AccessKeyLastUsed: used } = await client
    .send(new GetAccessKeyLastUsedCommand({ AccessKeyId: accessKeyId }))
    .catch((error: unknown) => {
      const failure = failedRead(error);
      if (failure.details.awsCode !== "AccessDenied" || !notInThisAccount.test(failure.message)) throw failure;
      throw new LockkeeperError(
        "iam-entity-not-found",
        `The Access Key with id ${accessKeyId} cannot be found in this account.`,
        failure.details,
        { cause: error },
      );
    });
  if (userName === undefined || userName === "") throw named("MalformedAnswer", "an access key without an owner");
  const { LastUsedDate: at, ServiceName: service, Region: region } = used ?? {};
  // Of a key that was never used, IAM knows no date, and "N/A" for the rest.
  if (at === undefined) return { userName, lastUsed: null };
  return { userName, lastUsed: { at: at.getTime(), service: service ?? "N/A", region: region ?? "N/A" } };
}
