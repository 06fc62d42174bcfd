import type { Clock } from "../../clock.ts";
import { LockkeeperError } from "../../errors.ts";
import type { Journal } from "../journal.ts";
import { type Operator, prunedRecord } from "../log-record.ts";
import type { Sql } from "../sql.ts";
import { type Cut, countStatement, pruneStatements } from "./statements.ts";

/** A store whose old bodies can be dropped, beside gateways that go on writing to it. */
export interface PrunableStore {
  readonly sql: Sql;
  /** Runs statements in one durable transaction. @returns how many rows each has changed */
  change(statements: readonly string[]): Promise<readonly number[]>;
}

export interface PruneOptions {
  readonly store: PrunableStore;
  readonly journal: Pick<Journal, "head" | "note">;
  readonly clock: Clock;
  readonly account: string;
  readonly operator: Operator;
  /** Epoch milliseconds: records that are younger stay. */
  readonly before: number;
  /** For how long an Idempotency-Key is remembered. */
  readonly idempotencyTtlMs: number;
  /** Only counts. */
  readonly dryRun: boolean;
  /** Told how far it has come, in records. */
  readonly onProgress?: (done: number, of: number) => void;
}

export interface Pruned {
  /** Everything from this index on was left alone. */
  readonly beforeIndex: number;
  /** Bodies that were dropped, or would be. */
  readonly records: number;
  readonly changes: number;
}

const DAY_MS = 86_400_000;
/** Indexes that one transaction looks at: it takes a few milliseconds, and gateways wait for it. */
const STRETCH = 500;
/** Milliseconds in which whoever waits to write gets ahead. */
const PAUSE_MS = 5;

/**
 * Drops the bodies of old records. Their hashes stay, so that everything left still verifies; that they were pruned is a
 * record of the log itself, durable before the first of them goes. Open changes stay, and those of which an Idempotency-Key
 * may be asked for again. When it is interrupted, run it again.
 * @throws LockkeeperError `malformed-request` for a time that is too near
 */
export async function pruneLog(options: PruneOptions): Promise<Pruned> {
  const { store, journal, clock, before, idempotencyTtlMs, dryRun } = options;
  const now = clock.now();
  const youngest = now - Math.max(DAY_MS, idempotencyTtlMs);
  if (before > youngest) {
    throw new LockkeeperError(
      "malformed-request",
      `Records of the last day, and of the time for which Idempotency-Keys are remembered, are not pruned: --before can be ${new Date(youngest).toISOString()} at the latest.`,
    );
  }
  const head = await journal.head();
  if (head === undefined) return { beforeIndex: 0, records: 0, changes: 0 };
  const cut = { beforeIndex: await firstNotBefore(store.sql, before, head.size), now };
  const planned = await count(store.sql, cut);
  if (dryRun || planned.records + planned.changes === 0) return { beforeIndex: cut.beforeIndex, ...planned };
  const { account, operator } = options;
  const { origin, checkpoint } = head;
  await journal.note(
    prunedRecord({ account, operator, origin, before, beforeIndex: cut.beforeIndex, ...planned, checkpoint }, now),
  );
  return { beforeIndex: cut.beforeIndex, ...(await drop(options, cut)) };
}

async function drop({ store, clock, onProgress }: PruneOptions, cut: Cut): Promise<Omit<Pruned, "beforeIndex">> {
  let [changes, records] = [0, 0];
  for (let from = 0; from < cut.beforeIndex; from += STRETCH) {
    const [droppedChanges = 0, droppedBodies = 0] = await store.change(pruneStatements(cut, from, from + STRETCH));
    changes += droppedChanges;
    records += droppedBodies;
    onProgress?.(Math.min(from + STRETCH, cut.beforeIndex), cut.beforeIndex);
    if (droppedChanges + droppedBodies > 0) await clock.sleep(PAUSE_MS);
  }
  return { records, changes };
}

/** The first record that is not older. Clocks jump: what is older and stands behind it stays as well. */
async function firstNotBefore(sql: Sql, before: number, size: number): Promise<number> {
  const [row] = await sql.all("SELECT idx FROM records WHERE time >= $1 ORDER BY idx LIMIT 1", before);
  return row === undefined ? size : Number(row["idx"]);
}

async function count(sql: Sql, cut: Cut): Promise<Omit<Pruned, "beforeIndex">> {
  const [row] = await sql.all(countStatement(cut));
  return { records: Number(row?.["records"]), changes: Number(row?.["changes"]) };
}
