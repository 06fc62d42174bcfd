import { isRareCode } from "../sqlite/schema.ts";

/** What is to be pruned: whole numbers only, since they become part of SQL that both stores understand. */
export interface Cut {
  /** Bodies from this index on stay. */
  readonly beforeIndex: number;
  /** Epoch milliseconds; Idempotency-Keys that are good by then keep their changes. */
  readonly now: number;
}

/** Records that say what became of the log itself: without them nobody could tell why others are missing. */
export const lastingCodes: readonly string[] = [
  "lockkeeper.audit.recovered",
  "lockkeeper.audit.pruned",
  "lockkeeper.audit-key.changed",
];
const LASTING = `(${lastingCodes.map((code) => `'${code}'`).join(", ")})`;

/** Open changes, and those before them whose place they took: when one fails, the one before it is open again. */
const HELD = `
  WITH RECURSIVE held (id) AS (
    SELECT change_id FROM inflight
    UNION
    SELECT older.superseded_id FROM held JOIN changes AS older ON older.id = held.id WHERE older.superseded_id IS NOT NULL
  )`;

/**
 * A change is pruned with all of its records or not at all. Its row names them, but for a read-back that counts no more
 * since the change is open again: an index leads to that.
 */
function isOver({ beforeIndex, now }: Cut): string {
  const cut = whole(beforeIndex);
  return `one.first_idx < ${cut}
    AND coalesce(one.outcome_idx, -1) < ${cut}
    AND coalesce(one.reconciled_idx, -1) < ${cut}
    AND one.id NOT IN (SELECT id FROM held)
    AND NOT EXISTS (
      SELECT 1 FROM records AS late WHERE late.correlation = one.id AND ${isRareCode} AND late.idx >= ${cut})
    AND NOT EXISTS (
      SELECT 1 FROM idempotency WHERE idempotency.change_id = one.id AND idempotency.expires_at > ${whole(now)})`;
}

/** How many changes and bodies are to go. */
export function countStatement(cut: Cut): string {
  return `${HELD}
    SELECT (SELECT count(*) FROM changes AS one WHERE ${isOver(cut)}) AS changes,
      (SELECT count(*) FROM records WHERE idx < ${whole(cut.beforeIndex)} AND body IS NOT NULL AND code NOT IN ${LASTING}
        AND NOT EXISTS (
          SELECT 1 FROM changes AS one WHERE one.id = records.correlation AND NOT (${isOver(cut)}))) AS records`;
}

/**
 * Prunes a stretch of the log, to be run in one transaction, stretch after stretch from the first: the changes that begin in
 * it, and then the bodies that belong to no change that is left. Whenever it is interrupted, a change that can still be
 * asked for has all of its records.
 */
export function pruneStatements(
  cut: Cut,
  from: number,
  to: number,
): readonly [dropChanges: string, dropBodies: string] {
  const stretch = (column: string) =>
    `${column} >= ${whole(from)} AND ${column} < ${whole(Math.min(to, cut.beforeIndex))}`;
  return [
    `${HELD} DELETE FROM changes AS one WHERE ${stretch("one.first_idx")} AND ${isOver(cut)}`,
    `UPDATE records SET body = NULL WHERE ${stretch("idx")} AND body IS NOT NULL AND code NOT IN ${LASTING}
      AND NOT EXISTS (SELECT 1 FROM changes AS one WHERE one.id = records.correlation)`,
  ];
}

function whole(value: number): string {
  if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is no whole number`);
  return String(value);
}
