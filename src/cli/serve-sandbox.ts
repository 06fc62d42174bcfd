import { join } from "node:path";
import { type Config, sandboxConfig } from "../config.ts";
import { LockkeeperError } from "../errors.ts";
import type { GatewayOptions, Sandbox } from "../gateway/options.ts";
import { startGateway } from "../gateway.ts";
import { createLog } from "../log.ts";
import { banner } from "../sandbox/banner.ts";
import { sandboxCredentials } from "../sandbox/iam/seed.ts";
import { startSandboxIam } from "../sandbox/iam/server.ts";
import { sandboxKeyPairs, sandboxTokens } from "../sandbox/principals.ts";
import { giveUp, type Serving } from "./serving.ts";

export interface SandboxOptions {
  /** What goes over the configuration of policies. */
  readonly policy?: Partial<Config["policy"]>;
  readonly policies: Pick<Sandbox, "policyData" | "policyBundle">;
  readonly onPolicyEvent?: NonNullable<GatewayOptions["onPolicyEvent"]>;
}

/**
 * Starts a gateway with an IAM of its own on this machine, and prints what to paste first.
 * @throws LockkeeperError when it cannot start; nothing is left open then
 */
export async function serveSandbox({ policy, policies, onPolicyEvent }: SandboxOptions): Promise<Serving> {
  const iam = await startSandboxIam();
  try {
    const configured = sandboxConfig(iam.url);
    const elsewhere = configured.policy.bundle ?? configured.policy.url;
    if (policies.policyBundle !== undefined && elsewhere !== undefined) {
      const message =
        "LOCKKEEPER_POLICY_BUNDLE, LOCKKEEPER_POLICY_URL: Here the bundle is made of the sources that are watched. Unset it.";
      throw new LockkeeperError("configuration", message);
    }
    const config = { ...configured, policy: { ...configured.policy, ...policy } };
    const { log, flush } = createLog(config.log);
    const tokens = sandboxTokens(config.listen.host);
    const keyPairs = sandboxKeyPairs(config.listen.host);
    const gateway = await startGateway({
      config,
      log,
      sandbox: { tokens, keyPairs, credentials: sandboxCredentials, ...policies },
      validateResponses: true,
      onStuck: () => giveUp(log),
      ...(onPolicyEvent && { onPolicyEvent }),
    });
    process.stdout.write(
      banner({ url: gateway.url, tokens: [...tokens.keys()], log: join(config.dataDir, "lockkeeper.db") }),
    );
    const close = async () => {
      await gateway.close();
      await iam.close();
    };
    return { config, gateway, log, flush, close };
  } catch (error) {
    await iam.close();
    throw error;
  }
}
