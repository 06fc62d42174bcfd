import { IAMClient, type IAMClientConfig } from "@aws-sdk/client-iam";

export interface FixedCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface AwsSettingsOptions {
  readonly region: string;
  readonly version: string;
  readonly credentials?: FixedCredentials;
}

type AwsSettings = Pick<
  IAMClientConfig,
  | "region"
  | "credentials"
  | "cacheMiddleware"
  | "retryMode"
  | "defaultsMode"
  | "useFipsEndpoint"
  | "useDualstackEndpoint"
  | "authSchemePreference"
  | "disableClockSkewCorrection"
  | "userAgentAppId"
  | "customUserAgent"
>;

/**
 * What all clients have in common. Whatever the SDK would otherwise take from the environment or from a shared file is
 * said here, except for credentials: there, it is what the operator expects.
 */
export function awsSettings({ region, version, credentials }: AwsSettingsOptions): AwsSettings {
  return {
    region,
    credentials: credentials ?? defaultCredentials(region),
    // Resolves the middleware once per command: an eighth of a call's cost. Options per call do not work with it.
    cacheMiddleware: true,
    retryMode: "standard",
    defaultsMode: "standard",
    // An explicit endpoint and one of these contradict each other: every call would fail.
    useFipsEndpoint: false,
    useDualstackEndpoint: false,
    authSchemePreference: [],
    disableClockSkewCorrection: false,
    userAgentAppId: "lockkeeper",
    customUserAgent: [["lockkeeper", version]],
  };
}

/**
 * The SDK's default chain, asked once for all clients. It belongs to a client of its own that never sends anything: the
 * chain sends requests itself (to STS, SSO) through the handler of the client that it belongs to, and `AwsTransport`
 * is for calls to IAM alone. Without these timeouts a hanging token service would stop the gateway for good.
 */
function defaultCredentials(region: string) {
  const requestHandler = { connectionTimeout: 1_000, requestTimeout: 5_000, throwOnRequestTimeout: true };
  return new IAMClient({ region, requestHandler }).config.credentials;
}
