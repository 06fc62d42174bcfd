import { databaseFile } from "../audit/open-store.ts";
import { pruneLog } from "../audit/prune/prune.ts";
import { openSqlitePruning } from "../audit/sqlite/prune.ts";
import type { Config } from "../config.ts";
import { LockkeeperError } from "../errors.ts";
import { configuredKeys, openLogToWrite } from "../open-log.ts";
import { type LogCommandOptions, operator } from "./audit-recover.ts";
import { isoTime } from "./typed-time.ts";

export interface AuditPruneArguments {
  /** `2026-01-31`, `2026-01-31T12:00:00Z`, `90d` or `48h`. */
  readonly before: string;
  readonly dryRun: boolean;
}

/**
 * `lockkeeper audit prune --before DATE|DURATION`: drops the bodies of old records, beside running gateways. Their hashes
 * stay, so that everything left still verifies.
 * @throws LockkeeperError with a sentence for the terminal
 */
export async function auditPrune(
  { config, clock, output }: LogCommandOptions,
  { before, dryRun }: AuditPruneArguments,
): Promise<void> {
  const owner = config.iam.account;
  const time = timeBefore(before, clock.now());
  const store = await openPruning(config);
  try {
    const journal = await openLogToWrite({ config, owner }, output.note);
    try {
      const { beforeIndex, records, changes } = await pruneLog({
        store,
        journal,
        clock,
        account: owner,
        operator: operator(),
        before: time,
        idempotencyTtlMs: config.idempotency.ttlHours * 3_600_000,
        dryRun,
        onProgress: (done, of) => {
          if (done === of || done % PROGRESS_EVERY === 0) output.note(`${done} of ${of} records looked at`);
        },
      });
      const counts = `the bodies of ${records} records before index ${beforeIndex}, and ${changes} changes with them`;
      output.print(dryRun ? `Would drop ${counts}.` : `Dropped ${counts}.`);
      if (!dryRun && records > 0) output.note(config.postgres === undefined ? SQLITE_SPACE : POSTGRES_SPACE);
    } finally {
      await journal.close();
    }
  } finally {
    await store.close();
  }
}

const PROGRESS_EVERY = 100_000;
const SQLITE_SPACE =
  "The space is used again by new records; the file gets no smaller by itself. To shrink it, stop the gateway and run: sqlite3 lockkeeper.db VACUUM";
const POSTGRES_SPACE = "The space is used again by new records when the server's autovacuum has passed.";

async function openPruning(config: Config) {
  const { dataDir, postgres, iam } = config;
  if (postgres === undefined) {
    return openSqlitePruning(databaseFile(dataDir), { owner: iam.account, keys: configuredKeys(config) });
  }
  const { openPostgresPruning } = await import("../audit/postgres/prune.ts");
  return openPostgresPruning({ ...postgres, owner: iam.account });
}

const unitsMs: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000 };

/** A date (its first moment in UTC), a time, or how long ago. Epoch milliseconds. */
function timeBefore(text: string, now: number): number {
  const [, amount, unit = ""] = /^(\d{1,5})([dh])$/.exec(text) ?? [];
  const unitMs = unitsMs[unit];
  if (unitMs !== undefined) return now - Number(amount) * unitMs;
  const time = isoTime(text);
  if (time === undefined) {
    throw new LockkeeperError(
      "malformed-request",
      "--before: Write a date, a time or an age: 2026-01-31, 2026-01-31T12:00:00Z, 90d, 48h.",
    );
  }
  return time;
}
