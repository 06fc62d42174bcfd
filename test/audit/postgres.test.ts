import { afterAll, beforeAll } from "vitest";
import { openPostgresStore } from "../../src/audit/postgres/store.ts";
import { openJournal } from "../../src/audit/store-journal.ts";
import { testLogKeys } from "../fixture/log-keys.ts";
import { newSchema, postgresDatabase, recordsIn, type TestDatabase } from "../fixture/postgres.ts";
import { journalSuite } from "./journal-suite.ts";

const options = { deadlineMs: 5000, maxQueue: 1000 };

let database: TestDatabase;
beforeAll(async () => {
  database = await postgresDatabase();
});
afterAll(() => database.drop());

journalSuite("PostgreSQL", async () => {
  const schema = newSchema();
  const store = await openPostgresStore({ ...database.address, schema, owner: "123456789012", keys: testLogKeys });
  const journal = openJournal(store, options);
  return {
    journal,
    records: () => recordsIn(database, schema),
    destroy: () => journal.close(),
  };
});
