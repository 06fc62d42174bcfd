import type { ChangeFilter, Journal } from "../audit/journal.ts";
import type { Status } from "../changes/credential.ts";
import { statusChangeOf } from "../changes/status-change.ts";

/**
 * Milliseconds for which an applied change may be missing from IAM's lists. AWS names no bound for that (IAM User Guide,
 * "Changes that I make are not always immediately visible"); seconds are usual.
 */
const SETTLES_WITHIN_MS = 2 * 60_000;
/** A change whose outcome is not known is settled, or given up as unresolved, within much less. */
const OPEN_WITHIN_MS = 60 * 60_000;
const PAGE = 100;

/**
 * What the audit log knows of the statuses of a user's credentials of one type: what was applied a moment ago, and
 * `undecided` where a change is under way or nobody knows what became of it.
 * @param now epoch milliseconds
 * @returns by credential id
 * @throws LockkeeperError `audit-unreadable`
 */
export async function recentStatuses(
  journal: Pick<Journal, "changes">,
  of: Pick<ChangeFilter, "type" | "userName">,
  now: number,
): Promise<ReadonlyMap<string, Status | "undecided">> {
  const [applied, ...open] = await Promise.all([
    changesWith(journal, { ...of, outcome: "applied", since: now - SETTLES_WITHIN_MS, now, limit: PAGE }),
    changesWith(journal, { ...of, outcome: "pending", since: now - OPEN_WITHIN_MS, now, limit: PAGE }),
    changesWith(journal, { ...of, outcome: "unknown", since: now - OPEN_WITHIN_MS, now, limit: PAGE }),
  ]);
  const known = new Map<string, Status | "undecided">();
  // Newest first, so the first one of each credential is its last.
  for (const { change } of applied)
    if (!known.has(change.credential.id)) known.set(change.credential.id, change.status);
  for (const { change, readBack } of open.flat()) {
    if (readBack === undefined || readBack.result === "unresolved") known.set(change.credential.id, "undecided");
  }
  return known;
}

async function changesWith(journal: Pick<Journal, "changes">, filter: ChangeFilter) {
  const found = [];
  let before: number | undefined;
  do {
    const page = await journal.changes({ ...filter, ...(before !== undefined && { before }) });
    found.push(...page.changes.flatMap((records) => statusChangeOf(records, filter.now) ?? []));
    before = page.next;
  } while (before !== undefined);
  return found;
}
