import { describe, expect, it } from "vitest";
import { openSqlitePruning } from "../../src/audit/sqlite/prune.ts";
import { openSqliteReader } from "../../src/audit/sqlite/reader.ts";
import { openSqliteStore } from "../../src/audit/sqlite/store.ts";
import { openJournal } from "../../src/audit/store-journal.ts";
import { dataFolder } from "../fixture/data-folder.ts";
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
