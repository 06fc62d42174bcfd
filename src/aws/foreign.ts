import type { Journal } from "../audit/journal.ts";
import { actionDenialRecord } from "../audit/read-record.ts";
import type { AwsCall } from "./call.ts";
import { AwsRefusal } from "./refusal.ts";

export interface ForeignOptions {
  readonly journal: Pick<Journal, "note">;
  /** The AWS account, twelve digits. */
  readonly account: string;
}

/**
 * Denies an action of IAM's that the door carries out for nobody. Whoever tries one shall not go unseen, so that they did
 * is durable when this rejects.
 * @param name as on the wire: `CreateAccessKey`
 * @throws AwsRefusal `AccessDenied`; LockkeeperError `audit-unavailable` when it cannot be recorded
 */
export async function denyForeign(
  { journal, account }: ForeignOptions,
  name: string,
  { principal, context }: Pick<AwsCall, "principal" | "context">,
): Promise<never> {
  const action = `iam:${name}`;
  await journal.note(actionDenialRecord({ action, principal, context, account }));
  const message = `Lockkeeper does not carry out ${action}: only the status of credentials can be changed here, and what it takes to find them.`;
  throw new AwsRefusal(403, "AccessDenied", message);
}
