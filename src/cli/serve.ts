import { join } from "node:path";
import { type Config, loadConfig, sandboxConfig } from "../config.ts";
import { LockkeeperError } from "../errors.ts";
import { type Gateway, startGateway } from "../gateway.ts";
import { createLog, type Logger } from "../log.ts";
import { banner } from "../sandbox/banner.ts";
import { sandboxCredentials } from "../sandbox/iam/seed.ts";
import { startSandboxIam } from "../sandbox/iam/server.ts";
import { sandboxKeyPairs, sandboxTokens } from "../sandbox/principals.ts";
import site from "../sandbox/site.json" with { type: "json" };
import { endAtOnce, stopSignal } from "./end.ts";

export interface ServeOptions {
  readonly sandbox?: boolean;
  readonly config?: string;
}

/**
 * `lockkeeper serve`: runs until SIGTERM or SIGINT, or until it can do its work no more. A second signal, a second
 * later, does not wait for anything.
 * @returns the exit code: 0 after a signal, 1 when it had to give up or could not stop in order
 * @throws LockkeeperError when it cannot start
 */
export async function serve({ sandbox = false, config: file }: ServeOptions): Promise<0 | 1> {
  if (sandbox && file !== undefined) {
    throw new LockkeeperError("configuration", "The sandbox reads no file: leave out --config, or --sandbox.");
  }
  const signalled = stopSignal();
  const { config, gateway, log, flush, close } = sandbox ? await serveSandbox() : await serveConfigured(file);
  log.info({ url: gateway.url, account: config.iam.account, dataDir: config.dataDir }, "listening");
  flush();
  const reason = await Promise.race([signalled, gateway.failed]);
  const failed = reason instanceof Error;
  // Whoever watches over the process starts another one: this one would never be ready again.
  if (failed) log.fatal({ err: reason }, "the audit log has failed for good: stopping");
  else log.info({ signal: reason }, "stopping");
  try {
    await close();
    log.info("stopped");
    return failed ? 1 : 0;
  } catch (err) {
    log.error({ err }, "stopped, but not in order");
    return 1;
  } finally {
    flush();
  }
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
  const gateway = await startGateway({ config, log, onStuck: () => giveUp(log) });
  return { config, gateway, log, flush, close: () => gateway.close() };
}

async function serveSandbox(): Promise<Serving> {
  const iam = await startSandboxIam();
  try {
    const config = sandboxConfig(iam.url);
    const { log, flush } = createLog(config.log);
    const tokens = sandboxTokens(config.listen.host);
    const keyPairs = sandboxKeyPairs(config.listen.host);
    const sandbox = { tokens, keyPairs, credentials: sandboxCredentials, policyData: site };
    const onStuck = () => giveUp(log);
    const gateway = await startGateway({ config, log, sandbox, validateResponses: true, onStuck });
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

/** Long enough for what has been logged to leave by itself: flushing waits for the disk, if standard output is a file. */
const LAST_WORDS_MS = 1_000;

/** A hung disk must not keep the process: what it has not taken by now is read back at the next start. */
function giveUp(log: Logger): void {
  // Not `fatal`: pino flushes that at once.
  log.error("ended although the audit log could not be closed in time");
  setTimeout(() => endAtOnce("SIGKILL"), LAST_WORDS_MS);
}
