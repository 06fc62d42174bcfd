import { type Action, actions, IAM_VERSION } from "./actions.ts";
import { validationError } from "./constraints.ts";
import type { Query } from "./query.ts";
import { AwsRefusal } from "./refusal.ts";

/** An action that IAM has and the door carries out for nobody; its parameters are not looked at. */
interface Foreign {
  readonly kind: "foreign";
}

/** An action of IAM's and, where the door carries it out, parameters that IAM would take. */
export interface Asked {
  readonly name: string;
  readonly action: Action | Foreign;
  readonly parameters: ReadonlyMap<string, string>;
}

/**
 * What a query asks for.
 * @param iamActions all that IAM can do, by its name: what the door does not carry out is denied, and not unknown
 * @throws AwsRefusal `InvalidAction`, `ValidationError`
 */
export function actionOf({ action: name, version, parameters }: Query, iamActions: ReadonlySet<string>): Asked {
  if (version !== IAM_VERSION || !iamActions.has(name)) {
    const [what, which] = [name, version ?? "NO_VERSION_SPECIFIED"].map(shown);
    throw new AwsRefusal(400, "InvalidAction", `Could not find operation ${what} for version ${which}`);
  }
  const action = actions.get(name);
  if (action === undefined) return { name, action: { kind: "foreign" }, parameters };
  // IAM would pass over a parameter that it does not know. Here nothing is let through of which the meaning is unknown.
  const known = new Set(action.constraints.map(({ parameter }) => parameter));
  if ([...parameters.keys()].some((parameter) => !known.has(parameter))) {
    throw new AwsRefusal(
      400,
      "ValidationError",
      `Lockkeeper takes these parameters of ${name} only: ${[...known].join(", ")}.`,
    );
  }
  const fault = validationError(parameters, action.constraints);
  if (fault !== undefined) throw new AwsRefusal(fault.status, fault.code, fault.message);
  return { name, action, parameters };
}

/** As much of somebody's text as an error may repeat. */
function shown(text: string): string {
  return /^[A-Za-z0-9_.-]{1,128}$/.test(text) ? text : "(not a name)";
}
