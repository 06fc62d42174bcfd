import { LockkeeperError } from "../errors.ts";
import { GroupCommit, type GroupCommitOptions } from "./group-commit.ts";
import type { Journal } from "./journal.ts";
import type { Query, Store } from "./operation.ts";

/** The journal over any store: writes share commits, reads go straight through, both within the deadline. */
export function openJournal(store: Store, options: GroupCommitOptions): Journal {
  const writes = new GroupCommit(store, options);
  const ask = <K extends Query["kind"]>(query: Extract<Query, { kind: K }>) =>
    withinDeadline(store.query<K>(query), options.deadlineMs);
  const journal: Journal = {
    begin({ notSent, ...intent }) {
      // Nobody will send this any more, and its caller has been told so: the log says it too.
      return writes.write<"begin">({ kind: "begin", ...intent }, (late) => {
        if (late.kind === "started") void journal.finish(intent.change.id, notSent()).catch(ignoreRetried);
      });
    },
    finish: (id, conclusion) => writes.write<"finish">({ kind: "finish", id, conclusion }),
    deny: (denial) => writes.write<"deny">({ kind: "deny", ...denial }),
    note: (record) => writes.write<"note">({ kind: "note", record }),
    addApiKey: (key, record, now) => writes.write<"add-api-key">({ kind: "add-api-key", key, record, now }),
    revokeApiKey: (id, at, record) => writes.write<"revoke-api-key">({ kind: "revoke-api-key", id, at, record }),
    claimed: (principal, key, now) => ask<"claimed">({ kind: "claimed", principal, key, now }),
    recordsOf: (changeId) => ask<"records-of">({ kind: "records-of", changeId }),
    overdue: (before) => ask<"overdue">({ kind: "overdue", before }),
    apiKeys: () => ask<"api-keys">({ kind: "api-keys" }),
    healthy: () => writes.healthy,
    async close() {
      await writes.close();
      await store.close();
    },
  };
  return journal;
}

/** An outcome stays queued until it is written, whoever still waits for it; and the reconciliation would settle it too. */
function ignoreRetried(): void {}

async function withinDeadline<T>(answer: Promise<T>, deadlineMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${deadlineMs} ms`)), deadlineMs);
  });
  try {
    return await Promise.race([answer, late]);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : "the store failed";
    throw new LockkeeperError(
      "audit-unavailable",
      `The audit log cannot be read now (${why}). Try again; if it lasts, look at the disk of Lockkeeper's data folder.`,
      { retryAfter: 1 },
      { cause },
    );
  } finally {
    clearTimeout(timer);
  }
}
