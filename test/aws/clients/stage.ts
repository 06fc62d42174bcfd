import { pino } from "pino";
import { sandboxConfig } from "../../../src/config.ts";
import { startGateway } from "../../../src/gateway.ts";
import { sandboxCredentials } from "../../../src/sandbox/iam/seed.ts";
import { type SandboxIam, startSandboxIam } from "../../../src/sandbox/iam/server.ts";
import { sandboxKeyPairs, sandboxTokens } from "../../../src/sandbox/principals.ts";
import site from "../../../src/sandbox/site.json" with { type: "json" };
import { dataFolder } from "../../fixture/data-folder.ts";
import type { Place } from "./client-process.ts";

export interface StageOptions {
  /** Users at IAM beside the usual ones. */
  readonly extraUsers?: number;
  /** Settings of the gateway. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface Stage {
  /** Of the gateway; no path. */
  readonly url: string;
  readonly iam: SandboxIam;
  /** The door, as one of the sandbox's principals. */
  door(principal: string, path?: string): Place;
  /** IAM itself, past the gateway, as the gateway's own user. */
  readonly straight: Place;
  /** What IAM was asked to change since `from`, as `action status`. */
  updates(from?: number): string[];
  close(): Promise<void>;
}

/**
 * What `lockkeeper serve --sandbox` runs, on real time, with a stand-in for IAM that a test has in its hands. The limits
 * are out of the way.
 */
export async function startStage({ extraUsers = 0, env = {} }: StageOptions = {}): Promise<Stage> {
  const folder = dataFolder();
  const iam = await startSandboxIam({ extraUsers });
  const config = sandboxConfig(iam.url, {
    LOCKKEEPER_LISTEN: "127.0.0.1:0",
    LOCKKEEPER_DATA_DIR: folder.path,
    // After a lost answer 30 % of it are left to look at the credential: enough on a busy machine, and short for a test.
    LOCKKEEPER_IAM_DEADLINE_MS: "4000",
    LOCKKEEPER_LIMIT_CHANGES: "10000",
    LOCKKEEPER_LIMIT_READS: "10000",
    LOCKKEEPER_LIMIT_FAILED_AUTHENTICATIONS: "10000",
    ...env,
  });
  const { host } = config.listen;
  const sandbox = {
    tokens: sandboxTokens(host),
    keyPairs: sandboxKeyPairs(host),
    credentials: sandboxCredentials,
    policyData: site,
  };
  const gateway = await startGateway({ config, log: pino({ level: "silent" }), sandbox, validateResponses: true });
  return {
    url: gateway.url,
    iam,
    door: (principal, path = "/aws") => ({ endpoint: gateway.url + path, ...sandboxPair(principal) }),
    straight: { endpoint: iam.url, ...sandboxCredentials },
    updates: (from = 0) =>
      iam.journal
        .entries()
        .slice(from)
        .map(({ action, status }) => `${action} ${status}`),
    async close() {
      await gateway.close();
      await iam.close();
      folder.remove();
    },
  };
}

/** The key pair of one of the sandbox's principals. */
export function sandboxPair(principal: string) {
  return {
    accessKeyId: `AKIASANDBOX${principal.toUpperCase()}`,
    secretAccessKey: `sandbox-${principal}-secret`,
  };
}

/** How many requests have come to the door for AWS clients, as the gateway's metrics say. */
export async function requestsAt({ url }: Pick<Stage, "url">): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const counts = text.matchAll(
    /^lockkeeper_http_requests_total\{[^}]*operation="callIam(?:WithTicket)?"[^}]*\} (\d+)$/gm,
  );
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}
