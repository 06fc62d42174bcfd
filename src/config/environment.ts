import { readFileSync } from "node:fs";
import type { Fault } from "../errors.ts";
import type { SettingPath } from "./faults.ts";

/** Environment variables, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A setting as a variable gives it, not yet checked against the schema. */
export interface Override {
  readonly name: string;
  readonly path: SettingPath;
  readonly value: unknown;
}

/** How a variable's text becomes a value, and how to write it where that fails. */
interface Reading {
  /** Undefined when the text has not that form. */
  read(text: string): unknown;
  readonly form: string;
}

const text: Reading = { read: (value) => value, form: "a text" };
const integer: Reading = {
  read: (value) => (/^-?\d{1,15}$/.test(value) ? Number(value) : undefined),
  form: "a whole number",
};
const boolean: Reading = {
  read: (value) => (value === "true" ? true : value === "false" ? false : undefined),
  form: "true or false",
};
const list: Reading = {
  read: (value) => value.split(",").map((entry) => entry.trim()),
  form: "a list, separated by commas",
};
const hostAndPort: Reading = {
  read: (value) => {
    const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(value);
    return match === null ? undefined : { host: match[1] ?? match[2], port: Number(match[3]) };
  },
  form: "host:port, for example 127.0.0.1:8080 or [::1]:8080",
};

/** Names the YAML file; not a setting itself. */
export const CONFIG_VARIABLE = "LOCKKEEPER_CONFIG";

/** For the commands of callers, which ask a gateway over HTTP; no settings of one. */
export const CALLER_VARIABLES = { url: "LOCKKEEPER_URL", token: "LOCKKEEPER_TOKEN" } as const;
const callerVariables: readonly string[] = Object.values(CALLER_VARIABLES);

/** Every variable that overrides a setting. Issuers are set in the file only: they are lists of groups. */
export const environmentSettings = {
  LOCKKEEPER_LISTEN: [["listen"], hostAndPort],
  LOCKKEEPER_TLS_CERT_FILE: [["tls", "certFile"], text],
  LOCKKEEPER_TLS_KEY_FILE: [["tls", "keyFile"], text],
  LOCKKEEPER_TRUSTED_PROXIES: [["trustedProxies"], list],
  LOCKKEEPER_DATA_DIR: [["dataDir"], text],
  LOCKKEEPER_LOG_LEVEL: [["log", "level"], text],
  LOCKKEEPER_LOG_FORMAT: [["log", "format"], text],
  LOCKKEEPER_IAM_ACCOUNT: [["iam", "account"], text],
  LOCKKEEPER_IAM_REGION: [["iam", "region"], text],
  LOCKKEEPER_IAM_ENDPOINT: [["iam", "endpoint"], text],
  LOCKKEEPER_IAM_STS_ENDPOINT: [["iam", "stsEndpoint"], text],
  LOCKKEEPER_IAM_OWN_USER_NAME: [["iam", "ownUserName"], text],
  LOCKKEEPER_IAM_DEADLINE_MS: [["iam", "deadlineMs"], integer],
  LOCKKEEPER_IAM_READ_DEADLINE_MS: [["iam", "readDeadlineMs"], integer],
  LOCKKEEPER_POLICY_BUNDLE: [["policy", "bundle"], text],
  LOCKKEEPER_POLICY_URL: [["policy", "url"], text],
  LOCKKEEPER_POLICY_TOKEN_FILE: [["policy", "tokenFile"], text],
  LOCKKEEPER_POLICY_LONG_POLL_SECONDS: [["policy", "longPollSeconds"], integer],
  LOCKKEEPER_POLICY_DEADLINE_MS: [["policy", "deadlineMs"], integer],
  LOCKKEEPER_POLICY_MAX_BYTES: [["policy", "maxBytes"], integer],
  LOCKKEEPER_POLICY_POLL_MS: [["policy", "pollMs"], integer],
  LOCKKEEPER_POLICY_MAX_AGE_HOURS: [["policy", "maxAgeHours"], integer],
  LOCKKEEPER_POLICY_ALLOW_ROLLBACK_TO: [["policy", "allowRollbackTo"], text],
  LOCKKEEPER_POLICY_VERIFICATION_KEY_FILE: [["policy", "verification", "keyFile"], text],
  LOCKKEEPER_POLICY_VERIFICATION_ALGORITHM: [["policy", "verification", "algorithm"], text],
  LOCKKEEPER_POLICY_VERIFICATION_KEY_ID: [["policy", "verification", "keyId"], text],
  LOCKKEEPER_POLICY_VERIFICATION_SCOPE: [["policy", "verification", "scope"], text],
  LOCKKEEPER_POLICY_DATA_FILE: [["policy", "dataFile"], text],
  LOCKKEEPER_POLICY_TIME_ZONE: [["policy", "timeZone"], text],
  LOCKKEEPER_AUDIT_DEADLINE_MS: [["audit", "deadlineMs"], integer],
  LOCKKEEPER_AUDIT_MAX_QUEUE: [["audit", "maxQueue"], integer],
  LOCKKEEPER_AUDIT_ORIGIN: [["audit", "origin"], text],
  LOCKKEEPER_AUDIT_SIGNING_KEY_FILE: [["audit", "signingKeyFile"], text],
  LOCKKEEPER_AUDIT_FORMER_KEYS: [["audit", "formerKeys"], list],
  LOCKKEEPER_AUDIT_OUTSIDE_FILE: [["audit", "outside", "file"], text],
  LOCKKEEPER_AUDIT_OUTSIDE_URL: [["audit", "outside", "url"], text],
  LOCKKEEPER_AUDIT_OUTSIDE_TOKEN_FILE: [["audit", "outside", "tokenFile"], text],
  LOCKKEEPER_POSTGRES_URL: [["postgres", "url"], text],
  LOCKKEEPER_POSTGRES_PASSWORD_FILE: [["postgres", "passwordFile"], text],
  LOCKKEEPER_POSTGRES_SCHEMA: [["postgres", "schema"], text],
  LOCKKEEPER_POSTGRES_CA_FILE: [["postgres", "caFile"], text],
  LOCKKEEPER_RECONCILE_INTERVAL_MS: [["reconcile", "intervalMs"], integer],
  LOCKKEEPER_RECONCILE_GRACE_MS: [["reconcile", "graceMs"], integer],
  LOCKKEEPER_RECONCILE_GIVE_UP_MS: [["reconcile", "giveUpMs"], integer],
  LOCKKEEPER_API_KEYS_ENABLED: [["authn", "apiKeys", "enabled"], boolean],
  LOCKKEEPER_AWS_KEYS_ENABLED: [["authn", "awsKeys", "enabled"], boolean],
  LOCKKEEPER_AWS_KEYS_ENCRYPTION_KEY_FILE: [["authn", "awsKeys", "encryptionKeyFile"], text],
  LOCKKEEPER_AWS_KEYS_FORMER_ENCRYPTION_KEY_FILES: [["authn", "awsKeys", "formerEncryptionKeyFiles"], list],
  LOCKKEEPER_STS_ENABLED: [["authn", "sts", "enabled"], boolean],
  LOCKKEEPER_STS_ENDPOINT: [["authn", "sts", "endpoint"], text],
  LOCKKEEPER_STS_REGION: [["authn", "sts", "region"], text],
  LOCKKEEPER_STS_SERVER_ID: [["authn", "sts", "serverId"], text],
  LOCKKEEPER_STS_ACCOUNTS: [["authn", "sts", "accounts"], list],
  LOCKKEEPER_STS_USER_KIND: [["authn", "sts", "userKind"], text],
  LOCKKEEPER_STS_TRUST_USER_NAMES: [["authn", "sts", "trustUserNames"], boolean],
  LOCKKEEPER_STS_TIMEOUT_MS: [["authn", "sts", "timeoutMs"], integer],
  LOCKKEEPER_LIMIT_CHANGES: [["limits", "changes", "perMinute"], integer],
  LOCKKEEPER_LIMIT_READS: [["limits", "reads", "perMinute"], integer],
  LOCKKEEPER_LIMIT_WHAT_IFS: [["limits", "whatIfs", "perMinute"], integer],
  LOCKKEEPER_LIMIT_FAILED_AUTHENTICATIONS: [["limits", "failedAuthentications", "perMinute"], integer],
  LOCKKEEPER_IDEMPOTENCY_TTL_HOURS: [["idempotency", "ttlHours"], integer],
  LOCKKEEPER_SHUTDOWN_ANNOUNCE_MS: [["shutdown", "announceMs"], integer],
  LOCKKEEPER_SHUTDOWN_GRACE_MS: [["shutdown", "graceMs"], integer],
} as const satisfies Record<`LOCKKEEPER_${string}`, readonly [SettingPath, Reading]>;

type SettingVariable = keyof typeof environmentSettings;

/**
 * Kubernetes gives every pod the addresses of the Services in its namespace; of one that is called `lockkeeper` they
 * look like settings (kubernetes.io, "Accessing the Service: Environment variables").
 */
const kubernetesLink =
  /^LOCKKEEPER_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$/;

const FILE_SUFFIX = "_FILE";

/**
 * The settings that the environment overrides. Each variable exists with `_FILE` appended too: the value is then that
 * file's text, as Docker and Kubernetes hand out secrets. A LOCKKEEPER_ name that is no setting is a fault, as is an
 * empty one: both are typing errors that would otherwise go unnoticed.
 */
export function environmentOverrides(env: Environment): { overrides: Override[]; faults: Fault[] } {
  const overrides: Override[] = [];
  const faults: Fault[] = [];
  const set = new Set<SettingVariable>();
  for (const [name, given] of Object.entries(env).sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (
      given === undefined ||
      !name.startsWith("LOCKKEEPER_") ||
      name === CONFIG_VARIABLE ||
      callerVariables.includes(name) ||
      kubernetesLink.test(name)
    ) {
      continue;
    }
    const variable = variableOf(name);
    if (variable === undefined) {
      faults.push({ at: name, message: "There is no such variable: look for a typing error, or unset it." });
      continue;
    }
    if (set.has(variable)) {
      faults.push({ at: name, message: `Unset it or ${variable}: together they are ambiguous.` });
      continue;
    }
    set.add(variable);
    const [path, reading] = environmentSettings[variable];
    const content = name === variable ? given : contentOf(given);
    const value = content === undefined ? undefined : reading.read(content);
    if (content === undefined) {
      faults.push({ at: name, message: "It names a file that cannot be read: check the path and the permissions." });
    } else if (content === "") {
      faults.push({ at: name, message: "It is set, but empty: give it a value, or unset it." });
    } else if (value === undefined) {
      faults.push({ at: name, message: `Write it as ${reading.form}.` });
    } else {
      overrides.push({ name, path, value });
    }
  }
  return { overrides, faults };
}

function variableOf(name: string): SettingVariable | undefined {
  if (isVariable(name)) return name;
  const base = name.endsWith(FILE_SUFFIX) ? name.slice(0, -FILE_SUFFIX.length) : "";
  return isVariable(base) ? base : undefined;
}

function isVariable(name: string): name is SettingVariable {
  return Object.hasOwn(environmentSettings, name);
}

function contentOf(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8").replace(/\r?\n$/, "");
  } catch {
    return undefined;
  }
}
