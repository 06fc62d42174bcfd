import type { AwsKeyPair } from "../authn/aws-keys.ts";
import type { Principal } from "../authn/principal.ts";
import type { Clock } from "../clock.ts";
import type { Config } from "../config.ts";
import type { AwsIamOptions } from "../iam/client.ts";
import type { Logger } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import type { PolicyData } from "../policy/data.ts";
import type { PolicyEvent } from "../policy/update-events.ts";
import type { Closing } from "./closing.ts";

/** What the sandbox has in place of an AWS account and an identity provider. */
export interface Sandbox {
  readonly tokens: ReadonlyMap<string, Principal>;
  /** By access key id. */
  readonly keyPairs: ReadonlyMap<string, AwsKeyPair>;
  readonly credentials: NonNullable<AwsIamOptions["credentials"]>;
  /** By default that of `policy.dataFile`. */
  readonly policyData?: PolicyData;
  /** Path of a bundle in place of the configured one, taken whenever it changes. */
  readonly policyBundle?: string;
}

export interface GatewayOptions {
  readonly config: Config;
  readonly log: Logger;
  readonly clock?: Clock;
  readonly sandbox?: Sandbox;
  /** In tests and in the sandbox only: there a reply that is not as documented becomes an error. */
  readonly validateResponses?: boolean;
  /** Told what becomes of policies, in place of the log; must not throw. */
  readonly onPolicyEvent?: (event: PolicyEvent) => void;
  /** Told when closing has taken longer than everything in it may take: a disk hangs, and nothing here ends it. */
  readonly onStuck?: () => void;
}

/** What every part of one gateway is given. */
export interface GatewayContext {
  readonly config: Config;
  readonly log: Logger;
  readonly clock: Clock;
  readonly sandbox: Sandbox | undefined;
  readonly metrics: Metrics;
  /** Where a part says how it is closed, as soon as it is open. */
  readonly closing: Closing;
}
