import { DatabaseSync } from "node:sqlite";
import { openSqliteStore } from "../../src/audit/sqlite/store.ts";
import { openJournal } from "../../src/audit/store-journal.ts";
import { dataFolder } from "../fixture/data-folder.ts";
import { testLogKeys } from "../fixture/log-keys.ts";
import { reconcileSuite } from "./reconcile-suite.ts";

const options = { deadlineMs: 5_000, maxQueue: 1_000 };

reconcileSuite("SQLite", async () => {
  const folder = dataFolder();
  const open = async () => {
    const store = await openSqliteStore(folder.database, { exclusive: false, owner: "sandbox", keys: testLogKeys });
    return openJournal(store, options);
  };
  const journals = [await open(), await open()] as const;
  return {
    journals,
    async codes(changeId) {
      const db = new DatabaseSync(folder.database, { readOnly: true });
      const rows = db.prepare("SELECT body FROM records WHERE correlation = ? ORDER BY idx").all(changeId);
      db.close();
      return rows.map((row) => JSON.parse(String(row["body"])).metadata.event_code);
    },
    async destroy() {
      for (const journal of journals) await journal.close();
      folder.remove();
    },
  };
});
