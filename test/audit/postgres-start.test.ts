import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { openStore } from "../../src/audit/open-store.ts";
import { endpointOf } from "../../src/audit/postgres/address.ts";
import { WriterSession } from "../../src/audit/postgres/writer-session.ts";
import { openJournal } from "../../src/audit/store-journal.ts";
import { aChange, aDenial, anIntent } from "../fixture/changes.ts";
import { dataFolder } from "../fixture/data-folder.ts";
import { testLogKeys } from "../fixture/log-keys.ts";
import { newSchema, postgresDatabase, recordsIn, type TestDatabase } from "../fixture/postgres.ts";
import { closeStores, note, openOn } from "../fixture/postgres-store.ts";

const owner = "123456789012";
afterEach(closeStores);

describe("opening a log in PostgreSQL", () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await postgresDatabase();
  });
  afterAll(() => database.drop());

  it("brings a new schema up once, however many instances start at the same time", async () => {
    const schema = newSchema();
    const all = await Promise.all(Array.from({ length: 6 }, () => openOn(database, schema)));
    for (const store of all) expect(await note(store)).toMatchObject([{ ok: true }]);
    expect(await recordsIn(database, schema)).toHaveLength(6);
    expect(await database.admin(`SELECT version FROM ${schema}.migrations`)).toEqual([{ version: 1 }, { version: 2 }]);
  });

  it("brings one of version 1 up to date with what is in it, and its roles with it", async () => {
    const schema = newSchema();
    expect(await note(await openOn(database, schema))).toMatchObject([{ ok: true }]);
    await closeStores();
    await database.tamper(`
      DROP TABLE ${schema}.signatures;
      ALTER TABLE ${schema}.api_keys DROP COLUMN sealed_secret, DROP COLUMN sealed_under, ALTER COLUMN secret_hash SET NOT NULL;
      INSERT INTO ${schema}.api_keys VALUES ('key-1', 'hash', 'lockkeeper bot', '{}', 1, 2, NULL);
      DELETE FROM ${schema}.migrations WHERE version = 2`);
    const store = await openOn(database, schema);
    const common = { principal: "lockkeeper bot", principalJson: "{}", createdAt: 1, expiresAt: 2, revokedAt: null };
    expect(await store.query<"api-keys">({ kind: "api-keys" })).toEqual([
      { id: "key-1", secretHash: "hash", ...common },
    ]);
    const { record } = aDenial(aChange());
    const pair = { id: "key-2", sealedSecret: "sealed", sealedUnder: "under", ...common };
    const signature = { digest: "a".repeat(64), expiresAt: 9 };
    const { notSent: _, ...intent } = anIntent(aChange(), 1, { signature });
    const outcomes = await store.commit([
      { kind: "add-api-key", key: pair, record, now: 1 },
      { kind: "begin", ...intent },
    ]);
    expect(outcomes).toMatchObject([
      { ok: true, result: "added" },
      { ok: true, result: { kind: "started" } },
    ]);
    expect(await store.query<"api-keys">({ kind: "api-keys" })).toContainEqual(pair);
  });

  it("makes the roles once, also when logs of one name are made in two databases at the same time", async () => {
    const superuser = async () => {
      const other = await postgresDatabase();
      const { pathname: name } = new URL(other.address.url);
      await other.admin(`ALTER ROLE ${name.slice(1)} SUPERUSER`);
      return other;
    };
    const others = await Promise.all([superuser(), superuser(), superuser()]);
    const schema = newSchema();
    const all = await Promise.all(others.map((other) => openOn(other, schema)));
    for (const store of all) expect(await note(store)).toMatchObject([{ ok: true, result: { index: 0 } }]);
    await closeStores();
    await Promise.all(others.map((other) => other.drop()));
  });

  it("leaves a schema alone that a newer Lockkeeper wrote", async () => {
    const schema = newSchema();
    await (await openOn(database, schema)).close();
    await database.admin(`INSERT INTO ${schema}.migrations VALUES (999, now())`);
    await expect(openOn(database, schema)).rejects.toMatchObject({
      code: "audit-unavailable",
      message: expect.stringMatching(/its schema has version 999, this Lockkeeper knows 2: start the newer/),
    });
  });

  it("belongs to the account that it was made for", async () => {
    const schema = newSchema();
    await openOn(database, schema);
    await expect(openOn(database, schema, { owner: "210987654321" })).rejects.toThrow(
      /belongs to the AWS account 123456789012, and this Lockkeeper works for the AWS account 210987654321/,
    );
  });

  it("sets what must hold, whatever the server says for this login", async () => {
    const other = await postgresDatabase();
    const { pathname } = new URL(other.address.url);
    for (const setting of [
      "synchronous_commit = off",
      "default_transaction_isolation = 'serializable'",
      "default_transaction_read_only = on",
      "search_path = 'nowhere'",
      "bytea_output = 'escape'",
    ]) {
      await other.admin(`ALTER ROLE ${pathname.slice(1)} SET ${setting}`);
    }
    const schema = newSchema();
    const [one, two] = await Promise.all([openOn(other, schema), openOn(other, schema)]);
    const outcomes = await Promise.all([one, two, one, two].map(note));
    expect(outcomes.flat().every(({ ok }) => ok)).toBe(true);
    const session = await WriterSession.open({ endpoint: endpointOf(other.address), schema });
    const [settings] = await session.ask(
      "SELECT current_setting('synchronous_commit') AS synchronous_commit, current_user AS role",
      [],
    );
    expect(settings).toEqual({ synchronous_commit: "on", role: `${schema}_writer` });
    await session.close();
    await closeStores();
    await other.drop();
  });

  it("refuses a database of another encoding than UTF-8", async () => {
    const { pathname } = new URL(database.address.url);
    await database.admin(
      `CREATE DATABASE ${pathname.slice(1)}_latin1 OWNER ${pathname.slice(1)} TEMPLATE template0 ENCODING 'LATIN1'`,
    );
    const url = `${database.address.url}_latin1`;
    await expect(openOn(database, newSchema(), { url })).rejects.toThrow(/has the encoding LATIN1: make one with UTF8/);
  });

  describe("says nothing of the password", () => {
    it("when it is wrong", async () => {
      const folder = dataFolder();
      const passwordFile = join(folder.path, "password");
      writeFileSync(passwordFile, "canary-of-a-password\n");
      const error = await openOn(database, newSchema(), { passwordFile }).catch((reason: unknown) => reason);
      expect(String(error)).toMatch(/password authentication failed/);
      expect(inspect(error, { depth: 20, showHidden: true })).not.toContain("canary-of-a-password");
      folder.remove();
    });

    it("when something else fails", async () => {
      const schema = newSchema();
      const store = await openOn(database, schema);
      const seen: unknown[] = [store];
      await database.admin(`ALTER TABLE ${schema}.head RENAME TO elsewhere`);
      seen.push(await note(store), await store.query({ kind: "head" }).catch((reason: unknown) => reason));
      seen.push(await openOn(database, schema).catch((reason: unknown) => reason));
      await database.admin(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lockkeeper' AND datname = current_database()",
      );
      seen.push(await note(store), await store.query({ kind: "head" }).catch((reason: unknown) => reason));
      const said = inspect(seen, { depth: 20 });
      expect(said).toContain("head");
      expect(said).not.toContain(database.password);
    });

    it("when it stands in the URL, which is refused", async () => {
      const url = database.address.url.replace("@", ":canary-in-the-url@");
      const error = await openOn(database, newSchema(), { url }).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: "configuration", message: expect.stringContaining("passwordFile") });
      expect(inspect(error, { depth: 20 })).not.toContain("canary-in-the-url");
    });
  });

  it("says where there is no server, and what it wants of the configuration", async () => {
    const url = "postgres://somebody@127.0.0.1:1/nothing";
    await expect(openOn(database, newSchema(), { url })).rejects.toMatchObject({
      code: "audit-unavailable",
      message: expect.stringMatching(/127\.0\.0\.1:1\/nothing, schema log_\w+\) cannot be used: .*ECONNREFUSED/),
    });
    await expect(openOn(database, newSchema(), { passwordFile: undefined })).rejects.toThrow(
      /the server asks for a password: name its file in passwordFile/,
    );
  });

  it("is what costs a start without PostgreSQL nothing: its client is not loaded", () => {
    const opener = new URL("../../src/audit/open-store.ts", import.meta.url);
    const program = `await import(${JSON.stringify(opener)});
      const { createRequire } = await import("node:module");
      const loaded = Object.keys(createRequire("/").cache).filter((file) => file.includes("/node_modules/pg"));
      process.stdout.write(JSON.stringify(loaded))`;
    const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
      encoding: "utf8",
    });
    expect(stdout, stderr).toBe("[]");
  });

  it("is what a configuration with a section for PostgreSQL asks for", async () => {
    const folder = dataFolder();
    const schema = newSchema();
    const place = { dataDir: folder.path, postgres: { ...database.address, schema } };
    const store = await openStore(place, { exclusive: true, owner, keys: testLogKeys });
    const journal = openJournal(store, { deadlineMs: 20_000, maxQueue: 100 });
    expect((await journal.deny(aDenial(aChange()))).index).toBe(0);
    await journal.close();
    expect(await recordsIn(database, schema)).toHaveLength(1);
    folder.remove();
  });
});
