import { userInfo } from "node:os";
import type { Recovery } from "../audit/log-record.ts";
import { databaseFile } from "../audit/open-store.ts";
import { outsideMemories } from "../audit/outside/open.ts";
import { recoverLog } from "../audit/recover/recover.ts";
import { openSqliteRecovery } from "../audit/sqlite/recover.ts";
import type { Clock } from "../clock.ts";
import type { Config } from "../config.ts";
import { configuredKeys } from "../open-log.ts";
import type { Output } from "./keys.ts";

/** What a command on the configured log needs. */
export interface LogCommandOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly output: Output;
}

/**
 * `lockkeeper audit recover --reason TEXT`: the way out when a gateway refuses its log. Seals that log, and begins another
 * of a new origin whose first record says why. Nothing is deleted.
 * @throws LockkeeperError with a sentence for the terminal; the old log is in place then
 */
export async function auditRecover(
  { config, clock, output }: LogCommandOptions,
  { reason }: { readonly reason: string },
): Promise<void> {
  const store = await openRecovery(config, clock);
  try {
    const done = await recoverLog({
      store,
      keys: configuredKeys(config),
      memories: outsideMemories(config.audit.outside),
      account: config.iam.account,
      operator: operator(),
      reason,
      now: clock.now(),
    });
    for (const line of said(done)) output.note(line);
    output.print(done.verifierKey);
  } finally {
    await store.close();
  }
}

async function openRecovery({ dataDir, postgres, iam, audit }: Config, clock: Clock) {
  const owner = iam.account;
  if (postgres === undefined) {
    return openSqliteRecovery({
      file: databaseFile(dataDir),
      owner,
      origin: audit.origin,
      sleep: (ms) => clock.sleep(ms),
    });
  }
  const { openPostgresRecovery } = await import("../audit/postgres/recover.ts");
  return openPostgresRecovery({ ...postgres, owner });
}

/** The operating system's account that runs a command. */
export function operator(): { readonly name: string; readonly uid: number } {
  const uid = process.getuid?.() ?? -1;
  try {
    return { name: userInfo().username, uid };
  } catch {
    // In a container there may be no entry for it.
    return { name: String(uid), uid };
  }
}

function said({ origin, sealed, outside, carried }: Recovery): string[] {
  return [
    `The log ${sealed.origin} of ${sealed.size} records is sealed: ${sealed.place}. Keep it: finished changes are only there.`,
    `The log ${origin} begins. What goes on in it: ${carried.changes} changes that are open or whose Idempotency-Key is still good, ${carried.apiKeys} API keys and key pairs.`,
    ...(carried.damaged.length === 0
      ? []
      : [
          `${carried.unproven} records were carried over that the old log does not prove to be as they were written: ${carried.damaged.join(", ")}${carried.unproven > carried.damaged.length ? ", …" : ""}.`,
        ]),
    ...(carried.lost.length === 0
      ? []
      : [
          `Changes that could not go on, since a record of theirs is missing; look at their credentials: ${carried.lost.join(", ")}.`,
        ]),
    ...outside.flatMap(({ memory, fault }) =>
      fault === undefined ? [] : [`The ${memory} could not be asked: ${fault}.`],
    ),
    "The signing key stays; under the new name it has another public key. Give it to those who check the log, and to a witness:",
  ];
}
