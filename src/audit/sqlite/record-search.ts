import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from "node:sqlite";
import type { RecordFilter, RecordPage } from "../journal.ts";
import { loggedRecord } from "./log-tables.ts";
import { prepareAll } from "./prepared.ts";
import { frequentCodes, isRareCode, STRETCH } from "./schema.ts";
import { Stretches } from "./stretches.ts";

/**
 * Records and stretches of the log that one page looks at; it may end early, and the next one goes on. A commit may have
 * to wait for as much.
 */
const MAX_LOOKS = 2_000;

/** Search among records, oldest first, stretch after stretch of the log. */
export class RecordSearch {
  readonly #sql: Record<keyof typeof statements, StatementSync>;
  readonly #stretches: Stretches;

  constructor(db: DatabaseSync) {
    this.#sql = prepareAll(db, statements);
    this.#stretches = new Stretches(db);
  }

  page(filter: RecordFilter): RecordPage {
    const { statement, keys } = this.#wayOf(filter);
    const end = Number(this.#sql.end.get()?.["end"]);
    const found: number[] = [];
    let { from } = filter;
    let looks = 0;
    while (from < end) {
      const stretch = Math.floor(from / STRETCH);
      const behind = (stretch + 1) * STRETCH;
      const rows = this.#stretches.mayHold(stretch, filter) ? statement.iterate(from, behind, ...keys) : [];
      for (const row of rows) {
        const index = Number(row["idx"]);
        if (matches(row, filter)) {
          // There is one more than the page holds, so there is a next page.
          if (found.length === filter.limit) return this.#page(found, index);
          found.push(index);
        }
        looks += 1;
        if (looks >= MAX_LOOKS) return this.#page(found, index + 1);
      }
      from = behind;
      looks += 1;
      if (looks >= MAX_LOOKS && from < end) return this.#page(found, from);
    }
    return this.#page(found);
  }

  #wayOf({ code, correlation }: RecordFilter): { statement: StatementSync; keys: readonly SQLInputValue[] } {
    if (correlation !== undefined) return { statement: this.#sql.byCorrelation, keys: [correlation] };
    if (code === undefined || frequentCodes.includes(code)) return { statement: this.#sql.all, keys: [] };
    return { statement: this.#sql.byRareCode, keys: [code] };
  }

  #page(indexes: readonly number[], next?: number): RecordPage {
    const records = indexes.flatMap((index) => this.#sql.record.all(index)).map(loggedRecord);
    return { records, ...(next !== undefined && { next }) };
  }
}

function matches(row: Record<string, SQLOutputValue>, { code, correlation, since, until }: RecordFilter): boolean {
  const time = Number(row["time"]);
  return (
    (code === undefined || row["code"] === code) &&
    (correlation === undefined || row["correlation"] === correlation) &&
    (since === undefined || time >= since) &&
    (until === undefined || time < until)
  );
}

const columns = "SELECT idx, correlation, code, time FROM records";
/** Parameters ?1 and ?2 are the index from which to look, and the one before which to end. */
const within = "idx >= ?1 AND idx < ?2";

const statements = {
  end: "SELECT coalesce(max(idx) + 1, 0) AS end FROM records",
  record: "SELECT idx, lower(hex(leaf_hash)) AS hash, body FROM records WHERE idx = ?",
  all: `${columns} WHERE ${within} ORDER BY idx`,
  byCorrelation: `${columns} WHERE correlation = ?3 AND ${isRareCode} AND ${within}
    UNION ALL ${columns} JOIN changes ON idx IN (first_idx, outcome_idx) WHERE changes.id = ?3 AND ${within} ORDER BY idx`,
  byRareCode: `${columns} WHERE code = ?3 AND ${isRareCode} AND ${within} ORDER BY idx`,
} as const;
