import { afterAll, beforeAll } from "vitest";
import { postgresDatabase, type TestDatabase } from "../fixture/postgres.ts";
import { postgresJournal } from "../fixture/postgres-journal.ts";
import { journalSuite } from "./journal-suite.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await postgresDatabase();
});
afterAll(() => database.drop());

journalSuite("PostgreSQL", () => postgresJournal(database));
