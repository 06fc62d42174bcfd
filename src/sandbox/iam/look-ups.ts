import { pagingConstraints, userNameConstraint } from "../../aws/constraints.ts";
import { refusal } from "../../aws/query-answer.ts";
import { dateElement, textElement } from "../../aws/xml.ts";
import { credentialTypes } from "../../changes/credential.ts";
import { type Action, userMeant } from "./action.ts";
import { page } from "./paging.ts";
import type { SandboxUser } from "./world.ts";

const { min, max } = credentialTypes["access-key"].id;

/** What else the gateway, and whoever tries it out, asks IAM and STS. */
export const lookUps: ReadonlyMap<string, Action> = new Map<string, Action>([
  [
    "GetUser",
    {
      service: "iam",
      constraints: [userNameConstraint(128)],
      perform: (call) => {
        const user = userMeant(call);
        return "code" in user ? user : { xml: `<User>${userMembers(user)}${tags(user)}</User>` };
      },
    },
  ],
  [
    "ListUsers",
    {
      service: "iam",
      constraints: pagingConstraints,
      perform: ({ parameters, world }) => page(parameters, "Users", world.users(), ({ name }) => name, userMembers),
    },
  ],
  [
    "GetAccessKeyLastUsed",
    {
      service: "iam",
      constraints: [{ parameter: "AccessKeyId", required: true, length: { min, max }, pattern: "[\\w]+" }],
      perform: ({ parameters, caller, world }) => {
        const id = parameters.get("AccessKeyId") ?? "";
        const owner = world.accessKeyOwner(id);
        if (owner === undefined) {
          // Not NoSuchEntity: IAM does not tell an unknown key from one of another account.
          const what = `is not authorized to perform iam:GetAccessKeyLastUsed on resource: access key ${id}`;
          return refusal(403, "AccessDenied", `User: ${caller.arn} ${what}`);
        }
        const used = owner.credentials["access-key"].get(id)?.lastUsed;
        const date = used === undefined ? "" : dateElement("LastUsedDate", used.at);
        const where = textElement("ServiceName", used?.service ?? "N/A") + textElement("Region", used?.region ?? "N/A");
        return { xml: `${textElement("UserName", owner.name)}<AccessKeyLastUsed>${date}${where}</AccessKeyLastUsed>` };
      },
    },
  ],
  [
    "GetCallerIdentity",
    {
      service: "sts",
      constraints: [],
      perform: ({ caller, world }) => ({
        xml: textElement("Arn", caller.arn) + textElement("UserId", caller.id) + textElement("Account", world.account),
      }),
    },
  ],
]);

/** GetUser alone tells them, and of a user without tags nothing at all. */
function tags({ tags }: SandboxUser): string {
  const members = Object.entries(tags).map(
    ([key, value]) => `<member>${textElement("Key", key)}${textElement("Value", value)}</member>`,
  );
  return members.length === 0 ? "" : `<Tags>${members.join("")}</Tags>`;
}

function userMembers(user: SandboxUser): string {
  return (
    textElement("Path", user.path) +
    textElement("UserName", user.name) +
    textElement("UserId", user.id) +
    textElement("Arn", user.arn) +
    dateElement("CreateDate", user.createdAt)
  );
}
