import { accessSync, constants } from "node:fs";
import { type AwsEndpoints, awsEndpoints } from "./config/aws-endpoints.ts";
import { type Layer, readDocument, withSetting } from "./config/document.ts";
import {
  CALLER_VARIABLES,
  CONFIG_VARIABLE,
  type Environment,
  environmentOverrides,
  type Override,
} from "./config/environment.ts";
import { configurationError, issueMessage, nothingConfigured, schemaFaults, settingName } from "./config/faults.ts";
import {
  bundleFromOnePlace,
  distinctIssuers,
  firstOfItsLineage,
  guardedListener,
  loopbackBundles,
  loopbackIam,
  loopbackListener,
  memoryOutside,
  type Rule,
  readableFiles,
  reconcileInOrder,
  signedLog,
  siteData,
  somebodyCanAuthenticate,
  timeToFinish,
} from "./config/rules.ts";
import { configSchema, type Settings } from "./config/schema.ts";
import type { Fault } from "./errors.ts";

/** Everything that an operator decides. Checked, complete and frozen; holds no secrets. */
export type Config = DeepReadonly<
  Omit<Settings, "iam" | "audit"> & {
    iam: Settings["iam"] & AwsEndpoints;
    audit: Settings["audit"] & { origin: string };
  }
>;

/** What an operator says of one OIDC issuer. */
export type IssuerConfig = Config["authn"]["issuers"][number];

/** What an operator says of callers whom AWS STS vouches for. */
export type StsConfig = NonNullable<Config["authn"]["sts"]>;

export interface ConfigSources {
  /** The YAML file; before `LOCKKEEPER_CONFIG`. */
  readonly file?: string | undefined;
  readonly env?: Environment;
  /** Whether a file that the configuration names can be read. */
  readonly readable?: (file: string) => boolean;
}

const commonRules: readonly Rule[] = [
  reconcileInOrder,
  timeToFinish,
  somebodyCanAuthenticate,
  distinctIssuers,
  firstOfItsLineage,
  memoryOutside,
  bundleFromOnePlace,
];

/**
 * The configuration of the service: one YAML file with the environment over it.
 * @throws LockkeeperError `configuration` with every fault there is, each with its place and what to do about it
 */
export function loadConfig({ file, env = process.env, readable = canRead }: ConfigSources = {}): Config {
  const named = file ?? env[CONFIG_VARIABLE];
  const { overrides, faults } = environmentOverrides(env);
  const accountGiven = overrides.some(({ path }) => settingName(path) === "iam.account");
  if (named === undefined && !accountGiven && faults.length === 0) throw nothingConfigured();
  const document = named === undefined ? { layer: {}, faults: [] } : readDocument(named);
  // Where the file could not be understood, what is missing in it is no news.
  if (document.faults.length > 0) throw configurationError([...document.faults, ...faults]);
  return checkedConfig(document.layer, overrides, faults, [
    guardedListener,
    siteData,
    signedLog,
    readableFiles(readable),
    ...commonRules,
  ]);
}

/** Which gateway a caller's command asks, and with what token, as far as the environment says. */
export function callerSettings(env: Environment = process.env): { readonly url?: string; readonly token?: string } {
  const { [CALLER_VARIABLES.url]: url, [CALLER_VARIABLES.token]: token } = env;
  return { ...(url !== undefined && { url }), ...(token !== undefined && { token }) };
}

/** Variables of a real account or a real network. */
const notForSandbox =
  /^LOCKKEEPER_(CONFIG$|TLS_|TRUSTED_PROXIES|AWS_KEYS_|STS_|POLICY_TOKEN|AUDIT_(ORIGIN|SIGNING_KEY|FORMER_KEYS)|IAM_(ACCOUNT|REGION|ENDPOINT|STS_ENDPOINT|OWN_USER_NAME))/;

/**
 * The configuration of `lockkeeper serve --sandbox`: no file, an IAM of its own, this machine only.
 * @param iamEndpoint URL of the sandbox's IAM, on this machine
 * @throws LockkeeperError `configuration`, also for a listener that other machines could reach
 */
export function sandboxConfig(iamEndpoint: string, env: Environment = process.env): Config {
  const { overrides, faults } = environmentOverrides(env);
  const useless = Object.keys(env).filter((name) => env[name] !== undefined && notForSandbox.test(name));
  const layer = {
    iam: { account: "123456789012", endpoint: iamEndpoint, stsEndpoint: iamEndpoint, ownUserName: "lockkeeper" },
    audit: { origin: "lockkeeper/sandbox" },
  };
  return checkedConfig(
    layer,
    overrides.filter(({ name }) => !useless.includes(name)),
    [
      ...faults,
      ...useless.map((at) => ({ at, message: "The sandbox has no use for it: unset it, or run without --sandbox." })),
    ],
    [loopbackListener, loopbackIam, loopbackBundles, readableFiles(canRead), ...commonRules],
  );
}

function checkedConfig(
  layer: Layer,
  overrides: readonly Override[],
  earlier: readonly Fault[],
  rules: readonly Rule[],
): Config {
  // With an empty group in place, it is the account that is missing, not "iam".
  const start: Layer = { iam: {}, ...layer };
  const written = overrides.reduce((all, { path, value }) => withSetting(all, path, value), start);
  const result = configSchema.safeParse(written, { error: issueMessage });
  const sections = wellFormedSections(written);
  const endpoints = sections.iam === undefined ? undefined : awsEndpoints(sections.iam);
  const faults = [
    ...(result.success ? [] : schemaFaults(result.error.issues)),
    ...(endpoints !== undefined && "message" in endpoints ? [endpoints] : []),
    ...rules.flatMap((rule) => rule(sections)),
  ].map((fault) => namingVariable(fault, overrides));
  if (!result.success || endpoints === undefined || "message" in endpoints || faults.length + earlier.length > 0) {
    throw configurationError([...earlier, ...faults]);
  }
  const { iam, audit } = result.data;
  return deepFreeze({
    ...result.data,
    iam: { ...iam, ...endpoints },
    audit: { ...audit, origin: audit.origin ?? `lockkeeper/${iam.account}` },
  });
}

/** Each section by itself, so that rules between well-formed ones are checked although another has faults. */
function wellFormedSections(written: Layer): Partial<Settings> {
  const sections = Object.entries(configSchema.shape).flatMap(([name, section]) => {
    const result = section.safeParse(written[name]);
    return result.success ? [[name, result.data]] : [];
  });
  return Object.fromEntries(sections);
}

/** Says which variable a faulty value came from, because the file may not even name that setting. */
function namingVariable(fault: Fault, overrides: readonly Override[]): Fault {
  const source = overrides.find(({ path }) => {
    const name = settingName(path);
    return fault.at === name || fault.at.startsWith(`${name}.`) || fault.at.startsWith(`${name}[`);
  });
  return source === undefined ? fault : { ...fault, at: `${fault.at} (${source.name})` };
}

function canRead(file: string): boolean {
  try {
    accessSync(file, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

function deepFreeze<T extends object>(value: T): DeepReadonly<T> {
  for (const part of Object.values(value)) if (typeof part === "object" && part !== null) deepFreeze(part);
  return Object.freeze(value) as DeepReadonly<T>;
}
