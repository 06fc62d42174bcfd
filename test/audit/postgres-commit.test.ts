import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Operation, Store } from "../../src/audit/operation.ts";
import { headRow } from "../../src/audit/postgres/log-rows.ts";
import { aChange, aDenial } from "../fixture/changes.ts";
import { newSchema, postgresDatabase, recordsIn, type TestDatabase } from "../fixture/postgres.ts";
import { closeStores, openOn } from "../fixture/postgres-store.ts";

describe("a commit to PostgreSQL", () => {
  let database: TestDatabase;
  let schema: string;
  let store: Store;
  beforeAll(async () => {
    database = await postgresDatabase();
  });
  afterAll(() => database.drop());
  beforeEach(async () => {
    schema = newSchema();
    store = await openOn(database, schema);
  });
  afterEach(closeStores);

  const denial = (): Operation => ({ kind: "deny", ...aDenial(aChange()) });
  const note = (uid: string): Operation => ({ kind: "note", record: { ...aDenial(aChange()).record, uid } });
  const denialOf = (principal: string): Operation => {
    const { record, change } = aDenial(aChange());
    return { kind: "deny", record, change: { ...change, principal } };
  };
  const addKey = (id: string): Operation => ({
    kind: "add-api-key",
    key: { id, secretHash: "", principal: id, principalJson: "{}", createdAt: 0, expiresAt: 1, revokedAt: null },
    record: aDenial(aChange()).record,
    now: 10,
  });
  const refused = (message: unknown) => ({ ok: false, failure: "refused", message });
  const written = (index: number) => ({ ok: true, result: { index } });

  it("keeps the neighbours of an operation that breaks a rule, in memory or on the server", async () => {
    expect(await store.commit([addKey("k"), denial(), addKey("k"), denial()])).toMatchObject([
      { ok: true, result: "added" },
      written(1),
      refused("there is an API key k already"),
      written(2),
    ]);
    expect(await store.commit([denial(), note("a\0b"), denial()])).toMatchObject([
      written(3),
      refused(expect.stringContaining("invalid byte sequence")),
      written(4),
    ]);
    const long = randomBytes(10_000).toString("base64");
    expect(await store.commit([denial(), denialOf(long), denial()])).toMatchObject([
      written(5),
      refused(expect.stringContaining("index row")),
      written(6),
    ]);
    expect(await recordsIn(database, schema)).toHaveLength(7);
    expect(await store.query({ kind: "head" })).toMatchObject({ size: 7 });
  });

  it("is made one after the other, whoever asks, and none after the store was closed", async () => {
    const outcomes = await Promise.all([store.commit([denial()]), store.commit([]), store.commit([denial()])]);
    expect(outcomes).toMatchObject([[written(0)], [], [written(1)]]);
    const last = store.commit([denial()]);
    await store.close();
    expect(await last).toMatchObject([written(2)]);
    await expect(store.commit([denial()])).rejects.toThrow("the store is closed");
  });

  it("of nothing asks whether the server takes a write", async () => {
    expect(await store.commit([])).toEqual([]);
    await database.admin(`REVOKE UPDATE ON ${schema}.head FROM ${schema}_writer`);
    await expect(store.commit([])).rejects.toThrow(/permission denied/);
    await database.admin(`GRANT UPDATE ON ${schema}.head TO ${schema}_writer`);
    expect(await store.commit([])).toEqual([]);
  });

  it("is not made when the answers come from another session than the one that was made ready", () => {
    const row = { size: "0", root: Buffer.alloc(32), checkpoint: null, vkey: null, pid: 2 };
    expect(headRow([row], 2)).toMatchObject({ size: 0 });
    expect(() => headRow([row], 1)).toThrow(/a pooler stands before it/);
  });
});
