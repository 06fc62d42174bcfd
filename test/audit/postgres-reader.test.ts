import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { LogReader } from "../../src/audit/log-reader.ts";
import { openPostgresReader } from "../../src/audit/postgres/reader.ts";
import { openPostgresStore } from "../../src/audit/postgres/store.ts";
import { openJournal } from "../../src/audit/store-journal.ts";
import { GrowingTree } from "../../src/tlog/growing-tree.ts";
import { leafHash } from "../../src/tlog/hash.ts";
import { aChange, aDenial } from "../fixture/changes.ts";
import { testKey, testLogKeys } from "../fixture/log-keys.ts";
import { newSchema, postgresDatabase, recordsIn, type TestDatabase } from "../fixture/postgres.ts";

const SIZE = 1100;

describe("reading a log in PostgreSQL from one end to the other", () => {
  let database: TestDatabase;
  const schema = newSchema();
  const readers: LogReader[] = [];
  const deny = async (count: number) => {
    const store = await openPostgresStore({ ...database.address, schema, owner: "123456789012", keys: testLogKeys });
    const journal = openJournal(store, { deadlineMs: 20_000, maxQueue: 4096, probeMs: 600_000 });
    const reason = 'unicode \u{1f512}, a NUL escaped \u0000, "quotes" and \\backslashes\\';
    await Promise.all(Array.from({ length: count }, () => journal.deny(aDenial(aChange({ reason })))));
    await journal.close();
  };
  const open = async () => {
    const reader = await openPostgresReader({ ...database.address, schema });
    readers.push(reader);
    return reader;
  };
  const all = async <T>(chunks: AsyncIterable<readonly T[]>) => {
    const found: T[] = [];
    for await (const chunk of chunks) found.push(...chunk);
    return found;
  };
  beforeAll(async () => {
    database = await postgresDatabase();
    await deny(SIZE);
  });
  afterEach(async () => {
    await Promise.all(readers.splice(0).map((reader) => reader.close()));
  });
  afterAll(() => database.drop());

  it("gives the very bytes that were hashed, and what is kept beside them", async () => {
    const reader = await open();
    expect(await reader.size()).toBe(SIZE);
    const entries = await all(reader.records(0, SIZE));
    expect(entries.map(({ index }) => index)).toEqual([...Array(SIZE).keys()]);
    for (const { body, leafHash: hash } of entries) expect(leafHash(body ?? "").equals(hash)).toBe(true);
    const { time, metadata } = JSON.parse(String(entries[700]?.body));
    expect(entries[700]?.columns).toEqual({
      time,
      uid: metadata.uid,
      correlation: metadata.correlation_uid,
      code: metadata.event_code,
    });
    expect((await all(reader.records(510, 515))).map(({ index }) => index)).toEqual([510, 511, 512, 513, 514]);
    expect(await all(reader.records(5, 5))).toEqual([]);
  });

  it("gives heads, nodes and keys as they are stored", async () => {
    const reader = await open();
    const checkpoints = await all(reader.checkpoints());
    expect(checkpoints.map(({ size }) => size)).toEqual(checkpoints.map(({ size }) => size).sort((a, b) => a - b));
    expect(await reader.head()).toEqual(checkpoints.at(-1));
    expect(checkpoints.at(-1)?.size).toBe(SIZE);
    const tree = GrowingTree.load(0, () => []);
    for (const { leafHash: hash } of await recordsIn(database, schema)) tree.append(Buffer.from(hash, "hex"));
    const nodes = tree.newNodes().map(({ index, hash }) => ({ index, hash }));
    expect(await reader.nodes(1, 0, 10)).toEqual(nodes);
    expect(await reader.nodes(1, 1, 2)).toEqual(nodes.slice(1, 3));
    expect(await reader.keys()).toEqual([testKey.verifier]);
  });

  it("shows the log as it was when it was opened, whatever is appended or pruned meanwhile", async () => {
    const reader = await open();
    await deny(10);
    await database.admin(`UPDATE ${schema}.records SET body = NULL WHERE idx = 3`);
    expect(await reader.size()).toBe(SIZE);
    expect((await reader.head())?.size).toBe(SIZE);
    expect((await all(reader.records(0, SIZE + 10))).length).toBe(SIZE);
    const [entry] = await all(reader.records(3, 4));
    expect(entry?.body).not.toBeNull();
    const later = await open();
    expect(await later.size()).toBe(SIZE + 10);
    const [, , , pruned, next] = await all(later.records(0, 6));
    expect(pruned).toMatchObject({ index: 3, body: null });
    expect(leafHash(next?.body ?? "")).toEqual(next?.leafHash);
  });

  it("can be broken off in the middle, and begun again", async () => {
    const reader = await open();
    for await (const chunk of reader.records(0, SIZE)) {
      expect(chunk).toHaveLength(512);
      break;
    }
    expect(await all(reader.records(1000, 1003))).toHaveLength(3);
  });

  it("works on a copy whose server does not know the roles", async () => {
    const copy = newSchema();
    await database.admin(`
      CREATE SCHEMA ${copy};
      CREATE TABLE ${copy}.records AS SELECT * FROM ${schema}.records WHERE idx < 5;
      CREATE TABLE ${copy}.checkpoints AS SELECT * FROM ${schema}.checkpoints;
      GRANT USAGE ON SCHEMA ${copy} TO PUBLIC;
      GRANT SELECT ON ALL TABLES IN SCHEMA ${copy} TO PUBLIC`);
    const reader = await openPostgresReader({ ...database.address, schema: copy });
    readers.push(reader);
    expect(await reader.size()).toBe(5);
  });

  it("says where there is no log, and why it cannot be read on", async () => {
    const options = { ...database.address, schema: newSchema() };
    await expect(openPostgresReader(options)).rejects.toMatchObject({
      code: "audit-unreadable",
      message: expect.stringMatching(/^Cannot read an audit log from 127\.0\.0\.1:.*: there is none\.$/),
    });
    const reader = await open();
    await database.admin(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lockkeeper' AND datname = current_database()",
    );
    await expect(reader.size()).rejects.toMatchObject({ code: "audit-unreadable" });
  });
});
