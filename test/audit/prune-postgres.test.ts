import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openPostgresPruning } from "../../src/audit/postgres/prune.ts";
import { openPostgresReader } from "../../src/audit/postgres/reader.ts";
import { openPostgresStore } from "../../src/audit/postgres/store.ts";
import { openJournal } from "../../src/audit/store-journal.ts";
import { testLogKeys } from "../fixture/log-keys.ts";
import { newSchema, postgresDatabase, type TestDatabase } from "../fixture/postgres.ts";
import { owner, type PruneFixture, pruneSuite } from "./prune-suite.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await postgresDatabase();
});
afterAll(() => database.drop());

function postgresFixture(schema = newSchema()): PruneFixture {
  const place = { ...database.address, schema, owner };
  return {
    async open() {
      return openJournal(await openPostgresStore({ ...place, keys: testLogKeys }), {
        deadlineMs: 10_000,
        maxQueue: 10_000,
      });
    },
    pruning: () => openPostgresPruning(place),
    reader: () => openPostgresReader(place),
    destroy: async () => {},
  };
}

pruneSuite("PostgreSQL", async () => postgresFixture());

describe("pruning a schema", () => {
  it("happens in a role that can do nothing else", async () => {
    const schema = newSchema();
    await (await postgresFixture(schema).open()).close();
    const store = await postgresFixture(schema).pruning();
    for (const statement of [
      "UPDATE records SET code = 'x'",
      "DELETE FROM records",
      "DELETE FROM inflight",
      "DELETE FROM checkpoints",
      "UPDATE changes SET outcome = 'applied'",
      "INSERT INTO settings (name, value) VALUES ('a', 'b')",
    ]) {
      await expect(store.change([statement]), statement).rejects.toThrow(/permission denied/);
    }
    await store.close();
  });

  it("says when there is no log", async () => {
    await expect(postgresFixture().pruning()).rejects.toMatchObject({
      code: "audit-unavailable",
      message: expect.stringContaining("cannot be pruned"),
    });
  });
});
