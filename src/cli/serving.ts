import type { Config } from "../config.ts";
import type { Gateway } from "../gateway.ts";
import type { Logger } from "../log.ts";
import { endAtOnce } from "./end.ts";

/** A gateway of this process, and what else is to be closed with it. */
export interface Serving {
  readonly config: Config;
  readonly gateway: Gateway;
  readonly log: Logger;
  flush(): void;
  close(): Promise<void>;
}

/**
 * Runs until the signal, or until the gateway can do its work no more, and closes it in order.
 * @returns the exit code: 0 after a signal, 1 when it had to give up or could not stop in order
 */
export async function serveUntil(signalled: Promise<NodeJS.Signals>, serving: Serving): Promise<0 | 1> {
  const { config, gateway, log, flush, close } = serving;
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

/** Long enough for what has been logged to leave by itself: flushing waits for the disk, if standard output is a file. */
const LAST_WORDS_MS = 1_000;

/** A hung disk must not keep the process: what it has not taken by now is read back at the next start. */
export function giveUp(log: Logger): void {
  // Not `fatal`: pino flushes that at once.
  log.error("ended although the audit log could not be closed in time");
  setTimeout(() => endAtOnce("SIGKILL"), LAST_WORDS_MS);
}
