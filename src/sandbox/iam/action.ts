import type { Constraint } from "../../aws/constraints.ts";
import { type Refusal, type Result, refusal, type Service } from "../../aws/query-answer.ts";
import type { SandboxUser, World } from "./world.ts";

/** One call, as an action sees it. */
export interface Call {
  readonly parameters: URLSearchParams;
  /** Whose access key signed. */
  readonly caller: SandboxUser;
  readonly world: World;
}

export interface Action {
  readonly service: Service;
  readonly constraints: readonly Constraint[];
  perform(call: Call): Result;
}

/** The user that is meant: where `UserName` is absent, the owner of the access key that signed (IAM API reference). */
export function userMeant({ parameters, caller, world }: Call): SandboxUser | Refusal {
  const name = parameters.get("UserName");
  if (name === null) return caller;
  return world.user(name) ?? refusal(404, "NoSuchEntity", `The user with name ${name} cannot be found.`);
}
