import type { DatabaseSync, StatementSync } from "node:sqlite";
import { prepareAll } from "./prepared.ts";
import { STRETCH, STRETCH_BITS } from "./schema.ts";

/** Times are kept to the minute, so that hardly any commit has to write one. */
const MINUTE = 60_000;

/**
 * What a search asks of each stretch of the log: the earliest and the latest time in it, to pass over the others (clocks
 * jump, so they overlap), and once it is full the keys of its changes, sorted.
 */
export class Stretches {
  readonly #sql: Record<keyof typeof statements, StatementSync>;
  /** Of the open transaction: times by stretch, the records appended, and where the changes added begin. */
  readonly #times = new Map<number, { first: number; last: number }>();
  #records: { readonly first: number; readonly last: number } | undefined;
  #changes: number[] = [];

  constructor(db: DatabaseSync) {
    this.#sql = prepareAll(db, statements);
  }

  /** Whether anything in that stretch of the log may be in a span of time: not before `since`, and before `until`. */
  mayHold(stretch: number, { since, until }: { readonly since?: number; readonly until?: number }): boolean {
    if (since === undefined && until === undefined) return true;
    const row = this.#sql.times.get(stretch);
    if (row === undefined) return true;
    const isLater = since === undefined || Number(row["last_time"]) >= since;
    return isLater && (until === undefined || Number(row["first_time"]) < until);
  }

  /** The next record was appended. */
  addRecord(index: number, time: number): void {
    this.#addTime(index, time);
    this.#records = { first: this.#records?.first ?? index, last: index };
  }

  /** A change was added; its first record is at that index. */
  addChange(firstIndex: number, time: number): void {
    this.#addTime(firstIndex, time);
    this.#changes.push(firstIndex);
  }

  /** Writes down what a search will ask about what was added. To be called once all of it is in its tables. */
  flush(): void {
    for (const [stretch, { first, last }] of this.#times) {
      this.#sql.addTimes.run(stretch, Math.floor(first / MINUTE) * MINUTE, Math.ceil(last / MINUTE) * MINUTE);
    }
    const size = this.#records === undefined ? this.#size() : this.#records.last + 1;
    const [full, fullNow] = [stretchOf(this.#records?.first ?? size), stretchOf(size)];
    if (fullNow > full) this.#sortKeys(full * STRETCH, fullNow * STRETCH);
    // Only where a log is put together from another: its records come first.
    for (const index of this.#changes) if (stretchOf(index) < full) this.#sortKeys(index, index + 1);
    this.forget();
  }

  /** Forgets what was added, its transaction having come to nothing. */
  forget(): void {
    this.#times.clear();
    this.#records = undefined;
    this.#changes = [];
  }

  #addTime(index: number, time: number): void {
    const stretch = stretchOf(index);
    const { first, last } = this.#times.get(stretch) ?? { first: time, last: time };
    this.#times.set(stretch, { first: Math.min(first, time), last: Math.max(last, time) });
  }

  #sortKeys(from: number, to: number): void {
    // In the order of the table, so that each is put at its end.
    for (const sort of [this.#sql.sortCredentials, this.#sql.sortPrincipals, this.#sql.sortUsers]) sort.run(from, to);
  }

  #size(): number {
    return Number(this.#sql.size.get()?.["size"]);
  }
}

function stretchOf(index: number): number {
  return Math.floor(index / STRETCH);
}

const sort = (what: string, column: string) => `INSERT INTO found_by (stretch, what, key, first_idx)
  SELECT first_idx >> ${STRETCH_BITS}, '${what}', ${column}, first_idx FROM changes
  WHERE first_idx >= ? AND first_idx < ? ORDER BY 1, 3, 4`;

const statements = {
  times: "SELECT first_time, last_time FROM spans WHERE stretch = ?",
  addTimes: `INSERT INTO spans (stretch, first_time, last_time) VALUES (?, ?, ?) ON CONFLICT (stretch)
    DO UPDATE SET first_time = min(first_time, excluded.first_time), last_time = max(last_time, excluded.last_time)
    WHERE excluded.first_time < first_time OR excluded.last_time > last_time`,
  size: "SELECT coalesce(max(idx) + 1, 0) AS size FROM records",
  sortUsers: sort("user", "user_key"),
  sortCredentials: sort("credential", "credential_id"),
  sortPrincipals: sort("principal", "principal"),
} as const;
