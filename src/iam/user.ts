import { GetUserCommand, type IAMClient } from "@aws-sdk/client-iam";
import { sameUserName } from "../changes/credential.ts";
import type { IamUser } from "../changes/iam-answers.ts";
import { named } from "./call.ts";

/**
 * An IAM user. GetUser is the only read that tells tags; ListUsers leaves them out (IAM API reference).
 * @throws whatever the SDK throws; `MalformedAnswer` for a user that is not the one asked for
 */
export async function iamUser(client: IAMClient, userName: string): Promise<IamUser> {
  const { User: user } = await client.send(new GetUserCommand({ UserName: userName }));
  if (!sameUserName(user?.UserName ?? "", userName) || user?.CreateDate === undefined) {
    throw named("MalformedAnswer", "a user that was not asked for");
  }
  const tags = (user.Tags ?? []).flatMap(({ Key: key, Value: value }) =>
    key === undefined ? [] : [[key, value ?? ""]],
  );
  return { path: user.Path ?? "/", createdAt: user.CreateDate.getTime(), tags: Object.fromEntries(tags) };
}
