import { userNameConstraint } from "../../aws/constraints.ts";
import { type Result, refusal } from "../../aws/query-answer.ts";
import { type CredentialType, credentialTypeNames, credentialTypes, type Status } from "../../changes/credential.ts";
import { type Action, type Call, userMeant } from "./action.ts";

const statuses = ["Active", "Inactive"] as const satisfies readonly Status[];

/** IAM's sentence for a credential that the user does not have. */
const notFound: Readonly<Record<CredentialType, (id: string) => string>> = {
  "signing-certificate": (id) => `The Certificate with id ${id} cannot be found.`,
  "service-specific-credential": (id) => `No such credential ${id} exists`,
  "access-key": (id) => `The Access Key with id ${id} cannot be found.`,
  "ssh-public-key": (id) => `The Public Key with id ${id} cannot be found.`,
};

/** An action that changes a status, and what its parameters are called. */
export interface UpdateAction extends Action {
  readonly idParameter: string;
}

/** The four updates by their names on the wire, such as `UpdateAccessKey`. */
export const updates: ReadonlyMap<string, UpdateAction> = new Map(
  credentialTypeNames.map((type) => [credentialTypes[type].updateAction.slice("iam:".length), updateOf(type)]),
);

function updateOf(type: CredentialType): UpdateAction {
  const { id, userNameMax } = credentialTypes[type];
  return {
    service: "iam",
    idParameter: id.parameter,
    constraints: [
      userNameConstraint(userNameMax),
      { parameter: id.parameter, required: true, length: { min: id.min, max: id.max }, pattern: "[\\w]+" },
      { parameter: "Status", required: true, values: statuses },
    ],
    perform: (call) => changeStatus(call, type, id.parameter),
  };
}

function changeStatus(call: Call, type: CredentialType, idParameter: string): Result {
  const user = userMeant(call);
  if ("code" in user) return user;
  const id = call.parameters.get(idParameter) ?? "";
  const status = statuses.find((known) => known === call.parameters.get("Status"));
  if (status === undefined) throw new Error("the status was not checked");
  if (!call.world.setStatus(user, type, id, status)) return refusal(404, "NoSuchEntity", notFound[type](id));
  return { xml: null };
}
