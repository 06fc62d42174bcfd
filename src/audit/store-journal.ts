import { GroupCommit, type GroupCommitOptions } from "./group-commit.ts";
import type { Intent, Journal } from "./journal.ts";
import type { Store } from "./operation.ts";
import { Reads } from "./reads.ts";

/** The journal over any store: writes share commits, reads go straight through, both within the deadline. */
export function openJournal(store: Store, options: GroupCommitOptions): Journal {
  const writes = new GroupCommit(store, options);
  const reads = new Reads(store, options.deadlineMs);

  /** Nobody will send this change any more, and its caller has been told so: the log says it too. */
  const closeAsNotSent = async (id: string, notSent: Intent["notSent"]) => {
    try {
      await writes.write<"finish">({ kind: "finish", id, conclusion: notSent() });
    } catch {
      // An outcome stays queued until it is written, whoever waits for it, and the reconciliation would settle the
      // change too. When the log refuses it, the intent has not become durable after all.
    }
  };

  return {
    begin: ({ notSent, ...intent }) =>
      writes.write<"begin">({ kind: "begin", ...intent }, (begun) => {
        if (begun === undefined || begun.kind === "started") void closeAsNotSent(intent.change.id, notSent);
      }),
    finish: (id, conclusion) => writes.write<"finish">({ kind: "finish", id, conclusion }),
    deny: (denial) => writes.write<"deny">({ kind: "deny", ...denial }),
    note: (record) => writes.write<"note">({ kind: "note", record }),
    addApiKey: (key, record, now) => writes.write<"add-api-key">({ kind: "add-api-key", key, record, now }),
    revokeApiKey: (id, at, record) => writes.write<"revoke-api-key">({ kind: "revoke-api-key", id, at, record }),
    resealAwsKey: (resealed, record) => writes.write<"reseal-aws-key">({ kind: "reseal-aws-key", resealed, record }),
    claimed: (principal, key, now) => reads.ask<"claimed">({ kind: "claimed", principal, key, now }),
    recordsOf: (changeId) => reads.ask<"records-of">({ kind: "records-of", changeId }),
    overdue: (before) => reads.ask<"overdue">({ kind: "overdue", before }),
    apiKeys: () => reads.apiKeys(),
    proven: (index) => reads.ask<"proven">({ kind: "proven", index }),
    records: (filter) => reads.ask<"records">({ kind: "records", filter }),
    changes: (filter) => reads.ask<"changes">({ kind: "changes", filter }),
    head: () => reads.ask<"head">({ kind: "head" }),
    consistency: (from, to) => reads.ask<"consistency">({ kind: "consistency", from, to }),
    tile: (tile) => reads.ask<"tile">({ kind: "tile", tile }),
    unsettled: (now) => reads.ask<"unsettled">({ kind: "unsettled", now }),
    lease: (name, holder, now, ttlMs) => writes.write<"lease">({ kind: "lease", name, holder, now, ttlMs }),
    endLease: (name, holder) => writes.write<"end-lease">({ kind: "end-lease", name, holder }),
    healthy: () => writes.healthy,
    waiting: () => writes.waiting,
    failed: store.failed,
    async close() {
      await writes.close();
      await store.close();
    },
  };
}
