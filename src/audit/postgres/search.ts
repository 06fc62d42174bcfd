import type { ChangeFilter, RecordFilter } from "../journal.ts";
import { STRETCH } from "./flush.ts";
import { userKey } from "./working-set.ts";

/** A question to the server. */
export interface Search {
  readonly text: string;
  readonly values: unknown[];
}

/** Collects conditions and their values. */
class Conditions {
  readonly values: unknown[] = [];
  readonly #conditions: string[] = [];

  /** @param condition with `?` for the value */
  add(condition: string, value: unknown): void {
    if (value === undefined) return;
    this.values.push(value);
    this.#conditions.push(condition.replaceAll("?", `$${this.values.length}`));
  }

  /**
   * The earliest and the latest time of each stretch of the log are kept, so what is outside of a time is not read. Clocks
   * jump: these are bounds only, and each row's own time is looked at besides.
   */
  addTime(index: string, time: string, since: number | undefined, until: number | undefined): void {
    this.add(`${index} >= (SELECT min(stretch) * ${STRETCH} FROM spans WHERE last_time >= ?::bigint)`, since);
    this.add(`${time} >= ?::bigint`, since);
    this.add(`${index} < (SELECT (max(stretch) + 1) * ${STRETCH} FROM spans WHERE first_time < ?::bigint)`, until);
    this.add(`${time} < ?::bigint`, until);
  }

  get text(): string {
    return this.#conditions.join(" AND ");
  }
}

/** Records, oldest first; one more than the page holds, by which is seen whether there is a next one. */
export function recordSearch({ from, limit, code, correlation, since, until }: RecordFilter): Search {
  const where = new Conditions();
  where.add("idx >= ?::bigint", from);
  where.add("code = ?", code);
  where.add("correlation = ?", correlation);
  where.addTime("idx", "time", since, until);
  where.values.push(limit + 1);
  return {
    text: `SELECT idx, encode(leaf_hash, 'hex') AS hash, body FROM records WHERE ${where.text}
      ORDER BY idx LIMIT $${where.values.length}`,
    values: where.values,
  };
}

/** Changes, newest first, each with all of its records; one change more than the page holds. */
export function changeSearch(filter: ChangeFilter): Search {
  const { before, limit, userName, type, credentialId, principal, outcome, since, until, now } = filter;
  const where = new Conditions();
  where.add("first_idx < ?::bigint", before ?? Number.MAX_SAFE_INTEGER);
  where.add("credential_id = ?", credentialId);
  where.add("user_key = ?", userName === undefined ? undefined : userKey(userName));
  where.add("principal = ?", principal);
  where.add("type = ?", type);
  where.addTime("first_idx", "requested_at", since, until);
  where.values.push(limit + 1);
  const last = `$${where.values.length}`;
  if (outcome === "pending" || outcome === "unknown") where.values.push(now);
  // Each by itself comes in order from its index.
  const pages = outcomesOf(outcome, `$${where.values.length}`).map(
    (condition) => `(SELECT * FROM changes WHERE ${where.text}${condition} ORDER BY first_idx DESC LIMIT ${last})`,
  );
  return {
    text: `
      SELECT page.first_idx, records.idx, encode(leaf_hash, 'hex') AS hash, body
      FROM (SELECT * FROM (${pages.join(" UNION ALL ")}) AS found ORDER BY first_idx DESC LIMIT ${last}) AS page
      LEFT JOIN records ON records.idx = ANY (ARRAY[page.first_idx, page.outcome_idx, page.reconciled_idx])
      ORDER BY page.first_idx DESC, records.idx`,
    values: where.values,
  };
}

/** A change without an outcome is pending until its deadline, and unknown after it. */
function outcomesOf(outcome: ChangeFilter["outcome"], now: string): string[] {
  switch (outcome) {
    case undefined:
      return [""];
    case "pending":
      return [` AND coalesce(outcome, 'pending') = 'pending' AND deadline >= ${now}::bigint`];
    case "unknown":
      return [
        " AND coalesce(outcome, 'pending') = 'unknown'",
        ` AND coalesce(outcome, 'pending') = 'pending' AND deadline < ${now}::bigint`,
      ];
    case "applied":
    case "failed":
    case "denied":
      return [` AND coalesce(outcome, 'pending') = '${outcome}'`];
  }
}
