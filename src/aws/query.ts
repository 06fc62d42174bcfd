import { isUtf8 } from "node:buffer";
import { AwsRefusal } from "./refusal.ts";

/** A request in the IAM Query protocol, as it was sent. */
export interface Query {
  readonly action: string;
  readonly version: string | undefined;
  /** All others, each once, decoded. A map, so that no name has a meaning of its own. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** `charset` is no parameter of this type, but botocore sends it; any other one is refused. */
const formType = /^application\/x-www-form-urlencoded(?:[ \t]*;[ \t]*charset="?utf-8"?)?[ \t]*$/i;
const parameterName = /^[A-Za-z][A-Za-z0-9.]{0,127}$/;
/** What may stand in a form unescaped. Clients escape more than they must; none leaves a blank or a control character. */
const encodedValue = /^(?:[!-$&-~]|%[0-9A-Fa-f]{2})*$/;
const MAX_PARAMETERS = 64;

/**
 * Takes a form body apart. Strictly, so that what was signed cannot be read in two ways: every parameter has a name and
 * an equals sign and stands there once, and its escapes are UTF-8.
 * @throws AwsRefusal `MissingAction`, `MalformedQueryString`
 */
export function parseQuery(contentType: string | undefined, body: Uint8Array): Query {
  if (contentType === undefined || !formType.test(contentType) || body.length === 0) throw missingAction();
  if (!isUtf8(body)) throw malformed("it is not UTF-8");
  const pairs = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8").split("&");
  if (pairs.length > MAX_PARAMETERS) throw malformed(`it has more than ${MAX_PARAMETERS} parameters`);
  const parameters = new Map<string, string>();
  for (const pair of pairs) {
    const end = pair.indexOf("=");
    const name = pair.slice(0, Math.max(end, 0));
    if (!parameterName.test(name)) throw malformed("a parameter is not a name, an equals sign and a value");
    if (parameters.has(name)) throw malformed(`the parameter ${name} is there more than once`);
    parameters.set(name, decoded(pair.slice(end + 1)));
  }
  const [action, version] = [parameters.get("Action"), parameters.get("Version")];
  parameters.delete("Action");
  parameters.delete("Version");
  if (action === undefined || action === "") throw missingAction();
  return { action, version, parameters };
}

function decoded(value: string): string {
  if (!encodedValue.test(value)) throw malformed("a value has a character or an escape that cannot stand there");
  try {
    return decodeURIComponent(value.replaceAll("+", " "));
  } catch {
    throw malformed("the escapes of a value are not UTF-8");
  }
}

function missingAction(): AwsRefusal {
  return new AwsRefusal(
    400,
    "MissingAction",
    "The request must name an Action in a body of the type application/x-www-form-urlencoded.",
  );
}

function malformed(why: string): AwsRefusal {
  return new AwsRefusal(400, "MalformedQueryString", `The query string contains a syntax error: ${why}.`);
}
