import { join } from "node:path";
import { systemClock } from "../clock.ts";
import { type Config, loadConfig, sandboxConfig } from "../config.ts";
import { type Gateway, startGateway } from "../gateway.ts";
import { createLog, type Logger } from "../log.ts";
import { banner } from "../sandbox/banner.ts";
import { sandboxCredentials } from "../sandbox/iam/seed.ts";
import { startSandboxIam } from "../sandbox/iam/server.ts";
import { sandboxTokens } from "../sandbox/principals.ts";
import site from "../sandbox/site.json" with { type: "json" };

export interface ServeOptions {
  readonly sandbox?: boolean;
  readonly config?: string;
}

/**
 * `lockkeeper serve`: runs until SIGTERM or SIGINT. A second signal does not wait for anything.
 * @throws LockkeeperError when it cannot start
 */
export async function serve({ sandbox = false, config: file }: ServeOptions): Promise<void> {
  const stopped = new Promise<NodeJS.Signals>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, resolve);
  });
  const { config, gateway, log, flush, close } = sandbox ? await serveSandbox() : await serveConfigured(file);
  log.info({ url: gateway.url, account: config.iam.account, dataDir: config.dataDir }, "listening");
  flush();
  const signal = await stopped;
  log.info({ signal }, "stopping");
  // A hung disk must not keep the process: what it has not taken by now is read back at the next start.
  const patience = config.shutdown.graceMs + 2 * config.audit.deadlineMs;
  const inTime = await Promise.race([close().then(() => true), systemClock.sleep(patience).then(() => false)]);
  if (inTime) log.info("stopped");
  else log.error({ patienceMs: patience }, "stopped although the audit log could not be closed in time");
  flush();
}

interface Serving {
  readonly config: Config;
  readonly gateway: Gateway;
  readonly log: Logger;
  flush(): void;
  close(): Promise<void>;
}

async function serveConfigured(file: string | undefined): Promise<Serving> {
  const config = loadConfig({ file });
  const { log, flush } = createLog(config.log);
  const gateway = await startGateway({ config, log });
  return { config, gateway, log, flush, close: () => gateway.close() };
}

async function serveSandbox(): Promise<Serving> {
  const iam = await startSandboxIam();
  try {
    const config = sandboxConfig(iam.url);
    const { log, flush } = createLog(config.log);
    const tokens = sandboxTokens(config.listen.host);
    const sandbox = { tokens, credentials: sandboxCredentials, policyData: site };
    const gateway = await startGateway({ config, log, sandbox, validateResponses: true });
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
