import { describe, expect, it } from "vitest";
import { countStatement, pruneStatements } from "../../src/audit/prune/statements.ts";
import { openSqlitePruning } from "../../src/audit/sqlite/prune.ts";
import { openSqliteReader } from "../../src/audit/sqlite/reader.ts";
import { openSqliteStore } from "../../src/audit/sqlite/store.ts";
import { openJournal } from "../../src/audit/store-journal.ts";
import { dataFolder } from "../fixture/data-folder.ts";
import { openToRead } from "../fixture/database.ts";
import { testLogKeys } from "../fixture/log-keys.ts";
import { owner, type PruneFixture, pruneSuite } from "./prune-suite.ts";

function sqliteFixture(folder = dataFolder()): PruneFixture {
  const file = folder.database;
  return {
    async open() {
      const store = await openSqliteStore(file, { exclusive: true, owner, keys: testLogKeys });
      return openJournal(store, { deadlineMs: 10_000, maxQueue: 10_000 });
    },
    pruning: async () => openSqlitePruning(file, { owner, keys: testLogKeys }),
    reader: async () => openSqliteReader(file),
    destroy: async () => folder.remove(),
  };
}

pruneSuite("SQLite", async () => sqliteFixture());

describe("pruning a database file", () => {
  it("finds what it looks for by an index, however large the log is", async () => {
    const folder = dataFolder();
    await (await sqliteFixture(folder).open()).close();
    const db = openToRead(folder.database);
    const cut = { beforeIndex: 1000, now: 0 };
    const [dropChanges, dropBodies] = pruneStatements(cut, 500, 1000);
    const plan = (sql: string) =>
      db
        .prepare(`EXPLAIN QUERY PLAN ${sql}`)
        .all()
        .map((row) => String(row["detail"]))
        .filter((step) => /^(SCAN|SEARCH) (one|late|records|changes|idempotency)\b/.test(step));
    const late = "SEARCH late USING INDEX records_by_correlation (correlation=? AND rowid>?)";
    const live = "SEARCH idempotency USING INDEX idempotency_by_change (change_id=?)";
    expect(plan(dropChanges)).toEqual(["SEARCH one USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)", late, live]);
    expect(plan(dropBodies)).toEqual([
      "SEARCH records USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
      "SEARCH one USING COVERING INDEX sqlite_autoindex_changes_1 (id=?)",
    ]);
    expect(plan(countStatement(cut))).toEqual([
      "SEARCH one USING INTEGER PRIMARY KEY (rowid<?)",
      late,
      live,
      "SEARCH records USING INTEGER PRIMARY KEY (rowid<?)",
      "SEARCH one USING INDEX sqlite_autoindex_changes_1 (id=?)",
      late,
      live,
    ]);
    db.close();
    folder.remove();
  });

  it("says when there is none, or another's", async () => {
    const folder = dataFolder();
    expect(() => openSqlitePruning(folder.database, { owner, keys: testLogKeys })).toThrow(/cannot be pruned/);
    const journal = await sqliteFixture(folder).open();
    expect(() => openSqlitePruning(folder.database, { owner: "210987654321", keys: testLogKeys })).toThrow(
      /belongs to the AWS account 123456789012/,
    );
    await journal.close();
    folder.remove();
  });
});
