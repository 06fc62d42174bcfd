import { loadConfig } from "../config.ts";
import { LockkeeperError } from "../errors.ts";
import { startGateway } from "../gateway.ts";
import { createLog } from "../log.ts";
import site from "../sandbox/site.json" with { type: "json" };
import { stopSignal } from "./end.ts";
import { serveSandbox } from "./serve-sandbox.ts";
import { giveUp, type Serving, serveUntil } from "./serving.ts";

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
  const serving = sandbox ? await serveSandbox({ policies: { policyData: site } }) : await serveConfigured(file);
  return serveUntil(signalled, serving);
}

async function serveConfigured(file: string | undefined): Promise<Serving> {
  const config = loadConfig({ file });
  const { log, flush } = createLog(config.log);
  const gateway = await startGateway({ config, log, onStuck: () => giveUp(log) });
  return { config, gateway, log, flush, close: () => gateway.close() };
}
