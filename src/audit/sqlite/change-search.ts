import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from "node:sqlite";
import type { ChangeFilter } from "../journal.ts";
import { prepareAll } from "./prepared.ts";
import { STRETCH, STRETCH_BITS } from "./schema.ts";
import { Stretches } from "./stretches.ts";
import { userKey } from "./tables.ts";

/** Changes and stretches of the log that one page looks at; it may end early, and the next one goes on. */
const MAX_LOOKS = 5_000;

/** How a filter's changes are found within a stretch: one that is full, and the newest. */
interface Way {
  readonly full: StatementSync;
  readonly newest: StatementSync;
  readonly keys: readonly SQLInputValue[];
}

/** Search among changes, newest first, stretch after stretch of the log. */
export class ChangeSearch {
  readonly #sql: Record<keyof typeof statements, StatementSync>;
  readonly #stretches: Stretches;

  constructor(db: DatabaseSync) {
    this.#sql = prepareAll(db, statements);
    this.#stretches = new Stretches(db);
  }

  /** @returns ids of changes, and where the next page begins; that is absent at the end */
  page(filter: ChangeFilter): { readonly ids: readonly string[]; readonly next?: number } {
    const { full, newest, keys } = this.#wayOf(filter);
    const ids: string[] = [];
    const size = Number(this.#sql.size.get()?.["size"]);
    let before = Math.min(filter.before ?? Number.POSITIVE_INFINITY, size);
    let looks = 0;
    while (before > 0) {
      const stretch = Math.floor((before - 1) / STRETCH);
      const statement = (stretch + 1) * STRETCH <= size ? full : newest;
      const rows = this.#stretches.mayHold(stretch, filter) ? statement.iterate(stretch, before, ...keys) : [];
      for (const row of rows) {
        if (matches(row, filter)) {
          // There is one more than the page holds, so there is a next page.
          if (ids.length === filter.limit) return { ids, next: before };
          ids.push(String(row["id"]));
        }
        before = Number(row["first_idx"]);
        looks += 1;
        if (looks >= MAX_LOOKS) return { ids, next: before };
      }
      before = stretch * STRETCH;
      looks += 1;
      if (looks >= MAX_LOOKS && before > 0) return { ids, next: before };
    }
    return { ids };
  }

  /** The most telling part of the filter chooses. */
  #wayOf({ credentialId, userName, principal, outcome }: ChangeFilter): Way {
    const { byKey, credential, user, principal: caller, byOutcome, all } = this.#sql;
    if (credentialId !== undefined) return { full: byKey, newest: credential, keys: [credentialId, "credential"] };
    if (userName !== undefined) return { full: byKey, newest: user, keys: [userKey(userName), "user"] };
    if (principal !== undefined) return { full: byKey, newest: caller, keys: [principal, "principal"] };
    if (outcome === undefined) return { full: all, newest: all, keys: [] };
    // One without an outcome is pending until its deadline, and unknown after it.
    const keys = [outcome, outcome === "unknown" ? "pending" : outcome];
    return { full: byOutcome, newest: byOutcome, keys };
  }
}

type Row = Record<string, SQLOutputValue>;

function matches(row: Row, { userName, type, credentialId, principal, outcome, since, until, now }: ChangeFilter) {
  const requestedAt = Number(row["requested_at"]);
  return (
    (credentialId === undefined || row["credential_id"] === credentialId) &&
    (type === undefined || row["type"] === type) &&
    (userName === undefined || row["user_key"] === userKey(userName)) &&
    (principal === undefined || row["principal"] === principal) &&
    (outcome === undefined || outcomeOf(row, now) === outcome) &&
    (since === undefined || requestedAt >= since) &&
    (until === undefined || requestedAt < until)
  );
}

function outcomeOf({ outcome, deadline }: Row, now: number): string {
  if (outcome !== null) return String(outcome);
  return Number(deadline) < now ? "unknown" : "pending";
}

const columns = "changes.first_idx, id, principal, type, credential_id, user_key, outcome, deadline, requested_at";
/** Parameters ?1 and ?2 are the stretch, and the index before which to look; ?3 and ?4 what to look for. */
const readThrough = (filter: string) => `SELECT ${columns} FROM changes
  WHERE first_idx >= ?1 << ${STRETCH_BITS} AND first_idx < ?2 ${filter} ORDER BY first_idx DESC`;

const statements = {
  size: "SELECT coalesce(max(idx) + 1, 0) AS size FROM records",
  byKey: `SELECT ${columns} FROM found_by JOIN changes ON changes.first_idx = found_by.first_idx
    WHERE stretch = ?1 AND what = ?4 AND key = ?3 AND found_by.first_idx < ?2 ORDER BY found_by.first_idx DESC`,
  byOutcome: `SELECT ${columns} FROM changes WHERE first_idx >> ${STRETCH_BITS} = ?1
    AND coalesce(outcome, 'pending') IN (?3, ?4) AND first_idx < ?2 ORDER BY first_idx DESC`,
  all: readThrough(""),
  credential: readThrough("AND credential_id = ?3 AND ?4 = 'credential'"),
  user: readThrough("AND user_key = ?3 AND ?4 = 'user'"),
  principal: readThrough("AND principal = ?3 AND ?4 = 'principal'"),
} as const;
