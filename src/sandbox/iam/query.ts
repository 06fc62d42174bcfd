import { type Refusal, refusal, type Service } from "../../aws/query-answer.ts";
import type { Action } from "./action.ts";
import { lists } from "./lists.ts";
import { lookUps } from "./look-ups.ts";
import { updates } from "./updates.ts";
import type { SandboxUser, World } from "./world.ts";

/** Everything that the stand-in can do, by its name on the wire. */
const actions: ReadonlyMap<string, Action> = new Map([...updates, ...lists, ...lookUps]);

const versions: Readonly<Record<Service, string>> = { iam: "2010-05-08", sts: "2011-06-15" };
const formType = /^application\/x-www-form-urlencoded\s*(?:;|$)/i;
const scope = /^AWS4-HMAC-SHA256 Credential=(\w+)\/[0-9]{8}\/([a-z0-9-]+)\/(\w+)\/aws4_request[,\s]/;

export interface Query {
  readonly name: string;
  readonly action: Action;
  readonly parameters: URLSearchParams;
}

/** The action that is asked for, or why there is none. */
export function parseQuery(contentType: string | undefined, body: string): Query | Refusal {
  if (contentType === undefined || !formType.test(contentType)) return missingAction;
  const parameters = new URLSearchParams(body);
  const name = parameters.get("Action");
  if (name === null) return missingAction;
  const action = actions.get(name);
  const version = parameters.get("Version");
  if (action === undefined || version !== versions[action.service]) {
    const asked = version === null ? "NO_VERSION_SPECIFIED" : version;
    return refusal(400, "InvalidAction", `Could not find operation ${name} for version ${asked}`);
  }
  return { name, action, parameters };
}

const missingAction = refusal(400, "MissingAction", "The request must name an Action in a form body.");

/**
 * Who signed, as the credential scope of the `Authorization` header says. The signature itself is **not** checked: this
 * is a stand-in. But the header must be there, name an Active access key that exists, and be scoped to the service and
 * the region that IAM wants, so that a client which would fail at AWS fails here.
 */
export function authenticate(authorization: string | undefined, service: Service, world: World): SandboxUser | Refusal {
  if (authorization === undefined) {
    return refusal(403, "MissingAuthenticationToken", "Request is missing Authentication Token");
  }
  const [, accessKeyId, region, scopedTo] = scope.exec(authorization) ?? [];
  if (accessKeyId === undefined) {
    return refusal(
      400,
      "IncompleteSignature",
      "Authorization header requires 'Credential' parameter of an AWS4-HMAC-SHA256 signature.",
    );
  }
  if (scopedTo !== service) {
    return refusal(403, "SignatureDoesNotMatch", `Credential should be scoped to correct service: '${service}'.`);
  }
  if (service === "iam" && region !== "us-east-1") {
    return refusal(403, "SignatureDoesNotMatch", `Credential should be scoped to a valid region, not '${region}'.`);
  }
  const user = world.accessKeyOwner(accessKeyId);
  if (user?.credentials["access-key"].get(accessKeyId)?.status !== "Active") {
    return refusal(403, "InvalidClientTokenId", "The security token included in the request is invalid.");
  }
  return user;
}
