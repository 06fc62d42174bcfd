import { openPostgresStore } from "../../src/audit/postgres/store.ts";
import { openSqliteStore } from "../../src/audit/sqlite/store.ts";
import { openJournal } from "../../src/audit/store-journal.ts";
import { dataFolder } from "../fixture/data-folder.ts";
import { openToRead } from "../fixture/database.ts";
import { testLogKeys } from "../fixture/log-keys.ts";
import { newSchema, postgresDatabase, recordsIn } from "../fixture/postgres.ts";
import { reconcileSuite } from "./reconcile-suite.ts";

const options = { deadlineMs: 10_000, maxQueue: 1_000 };

/** Of the records of one change, in order. */
function codesOf(bodies: readonly unknown[], changeId: string): string[] {
  const all = bodies.map((body) => JSON.parse(String(body)).metadata);
  return all.filter((metadata) => metadata.correlation_uid === changeId).map((metadata) => metadata.event_code);
}

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
      const db = openToRead(folder.database);
      const rows = db.prepare("SELECT body FROM records ORDER BY idx").all();
      db.close();
      return codesOf(
        rows.map((row) => row["body"]),
        changeId,
      );
    },
    async destroy() {
      for (const journal of journals) await journal.close();
      folder.remove();
    },
  };
});

reconcileSuite("PostgreSQL", async () => {
  const database = await postgresDatabase();
  const schema = newSchema();
  const open = async () => {
    const store = await openPostgresStore({ ...database.address, schema, owner: "sandbox", keys: testLogKeys });
    return openJournal(store, options);
  };
  const journals = [await open(), await open()] as const;
  return {
    journals,
    async codes(changeId) {
      const records = await recordsIn(database, schema);
      return codesOf(
        records.map(({ body }) => body),
        changeId,
      );
    },
    async destroy() {
      for (const journal of journals) await journal.close();
      await database.drop();
    },
  };
});
