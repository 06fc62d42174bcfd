import type { z } from "zod";
import { type Fault, LockkeeperError } from "../errors.ts";

/** Where in the configuration something stands: `authn`, `issuers`, 0, `jwksUri`. */
export type SettingPath = readonly (string | number)[];

/** As people write it: `authn.issuers[0].jwksUri`. */
export function settingName(path: SettingPath): string {
  return path.reduce<string>((name, key) => {
    if (typeof key === "number") return `${name}[${key}]`;
    return name === "" ? key : `${name}.${key}`;
  }, "");
}

/** zod's issues as faults: a path each, and a sentence that says what to do. Values are never repeated. */
export function schemaFaults(issues: readonly z.core.$ZodIssue[]): Fault[] {
  return issues.flatMap((issue) => {
    const path = issue.path.map((key) => (typeof key === "symbol" ? String(key) : key));
    if (issue.code !== "unrecognized_keys") return [{ at: settingName(path), message: issue.message }];
    return issue.keys.map((key) => ({
      at: settingName([...path, key]),
      message: "There is no such setting: look for a typing error, or remove it.",
    }));
  });
}

/** What zod says where the schema has no sentence of its own. Passed to each parse. */
export function issueMessage(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case "invalid_type":
      return `${issue.input === undefined ? "This setting is missing. Give it" : "Give it"} ${expected(issue.expected)}.`;
    case "invalid_value":
      return `Choose one of: ${issue.values.map(String).join(", ")}.`;
    case "too_small":
      return `Give it at least ${issue.minimum}${unit(issue.origin)}.`;
    case "too_big":
      return `Give it at most ${issue.maximum}${unit(issue.origin)}.`;
    default:
      return undefined;
  }
}

function expected(type: string): string {
  switch (type) {
    case "object":
      return "a group of settings";
    case "array":
      return "a list";
    case "string":
      return "a text (in quotes, if it looks like a number)";
    case "int":
    case "number":
      return "a whole number";
    case "boolean":
      return "true or false";
    default:
      return `a value of type ${type}`;
  }
}

function unit(origin: string): string {
  if (origin === "string") return " characters";
  return origin === "array" ? " entries" : "";
}

/** All faults as one error. Its message lists them, so that whoever prints it says everything. */
export function configurationError(faults: readonly Fault[]): LockkeeperError {
  const count = faults.length === 1 ? "1 fault" : `${faults.length} faults`;
  const lines = faults.map(({ at, message }) => `  ${at === "" ? "(top level)" : at}: ${message}`);
  return new LockkeeperError("configuration", [`The configuration has ${count}:`, ...lines].join("\n"), { faults });
}

/** Neither a file nor a variable: says what is needed, and where to look. */
export function nothingConfigured(): LockkeeperError {
  const account = { at: "iam.account", message: "Set it to the AWS account's twelve digits." };
  const dataFile = {
    at: "policy.dataFile",
    message: "Name the JSON file that says who has which role; start from policies/data.json.",
  };
  return new LockkeeperError(
    "configuration",
    [
      "There is no configuration. Name a YAML file with --config FILE or LOCKKEEPER_CONFIG; start from docs/lockkeeper.example.yaml.",
      "Required:",
      `  ${account.at} (LOCKKEEPER_IAM_ACCOUNT): ${account.message}`,
      `  ${dataFile.at} (LOCKKEEPER_POLICY_DATA_FILE): ${dataFile.message}`,
      "Needed before other machines can use it:",
      "  listen (LOCKKEEPER_LISTEN): The address and port to listen on.",
      "  tls or trustedProxies (LOCKKEEPER_TLS_CERT_FILE and LOCKKEEPER_TLS_KEY_FILE, or LOCKKEEPER_TRUSTED_PROXIES): Who ends TLS.",
      "  authn.issuers: Whose access tokens are accepted; or give out API keys with `lockkeeper keys create`.",
      "To try Lockkeeper without an AWS account, run `lockkeeper serve --sandbox`.",
    ].join("\n"),
    { faults: [account, dataFile] },
  );
}
