import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from "node:sqlite";
import type { ChangeFilter } from "../journal.ts";
import { prepareAll } from "./prepared.ts";
import { STRETCH, STRETCH_BITS } from "./schema.ts";
import { Spans } from "./spans.ts";
import { userKey } from "./tables.ts";

/** Changes and stretches of the log that one page looks at; it may end early, and the next one goes on. */
const MAX_LOOKS = 5_000;

/** Which index finds a filter's changes within a stretch, and what it is asked for. */
interface Way {
  readonly statement: StatementSync;
  readonly keys: readonly SQLInputValue[];
}

/** Search among changes, newest first, stretch after stretch of the log. */
export class ChangeSearch {
  readonly #sql: Record<keyof typeof statements, StatementSync>;
  readonly #spans: Spans;

  constructor(db: DatabaseSync) {
    this.#sql = prepareAll(db, statements);
    this.#spans = new Spans(db);
  }

  /** @returns ids of changes, and where the next page begins; that is absent at the end */
  page(filter: ChangeFilter): { readonly ids: readonly string[]; readonly next?: number } {
    const { statement, keys } = this.#wayOf(filter);
    const ids: string[] = [];
    const newest = Number(this.#sql.newest.get()?.["newest"]);
    let before = Math.min(filter.before ?? Number.POSITIVE_INFINITY, newest + 1);
    let looks = 0;
    while (before > 0) {
      const stretch = Math.floor((before - 1) / STRETCH);
      const rows = this.#spans.mayHold(stretch, filter) ? statement.iterate(stretch, before, ...keys) : [];
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

  /** The most telling part of the filter chooses the index. */
  #wayOf({ credentialId, userName, principal, outcome }: ChangeFilter): Way {
    const sql = this.#sql;
    if (credentialId !== undefined) return { statement: sql.byCredential, keys: [credentialId] };
    if (userName !== undefined) return { statement: sql.byUser, keys: [userKey(userName)] };
    if (principal !== undefined) return { statement: sql.byPrincipal, keys: [principal] };
    // One without an outcome is pending until its deadline, and unknown after it.
    if (outcome !== undefined) {
      return { statement: sql.byOutcome, keys: [outcome, outcome === "unknown" ? "pending" : outcome] };
    }
    return { statement: sql.all, keys: [] };
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

const columns = "first_idx, id, principal, type, credential_id, user_key, outcome, deadline, requested_at";
/** Parameters ?1 and ?2 are the stretch, and the index before which to look. */
const within = (filter: string) =>
  `SELECT ${columns} FROM changes WHERE first_idx >> ${STRETCH_BITS} = ?1 AND ${filter} AND first_idx < ?2
   ORDER BY first_idx DESC`;

const statements = {
  newest: "SELECT coalesce(max(first_idx), -1) AS newest FROM changes",
  all: `SELECT ${columns} FROM changes WHERE first_idx >= ?1 << ${STRETCH_BITS} AND first_idx < ?2 ORDER BY first_idx DESC`,
  byCredential: within("credential_id = ?3"),
  byUser: within("user_key = ?3"),
  byPrincipal: within("principal = ?3"),
  byOutcome: within("coalesce(outcome, 'pending') IN (?3, ?4)"),
} as const;
