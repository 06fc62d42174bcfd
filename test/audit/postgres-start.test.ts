import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { openStore } from "../../src/audit/open-store.ts";
import type { Store } from "../../src/audit/operation.ts";
import { endpointOf } from "../../src/audit/postgres/address.ts";
import { openPostgresStore } from "../../src/audit/postgres/store.ts";
import { WriterSession } from "../../src/audit/postgres/writer-session.ts";
import { openJournal } from "../../src/audit/store-journal.ts";
import { aChange, aDenial } from "../fixture/changes.ts";
import { dataFolder } from "../fixture/data-folder.ts";
import { testLogKeys } from "../fixture/log-keys.ts";
import { newSchema, postgresDatabase, recordsIn, type TestDatabase } from "../fixture/postgres.ts";
import { type PostgresServer, startPostgres } from "../fixture/postgres-server.ts";

const owner = "123456789012";
const stores: Store[] = [];
afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.close()));
});

async function open(
  database: TestDatabase,
  schema: string,
  parts: Partial<Parameters<typeof openPostgresStore>[0]> = {},
) {
  const store = await openPostgresStore({ ...database.address, schema, owner, keys: testLogKeys, ...parts });
  stores.push(store);
  return store;
}

const note = (store: Store) => store.commit([{ kind: "note", record: aDenial(aChange()).record }]);

/** Resolves when a record was written at that index: the store waits a little between its tries to connect. */
async function written(store: Store, index: number): Promise<void> {
  const outcomes = await vi.waitUntil(
    async () => {
      const [outcome] = await note(store);
      return outcome?.ok === true ? outcome : undefined;
    },
    { timeout: 20_000, interval: 20 },
  );
  expect(outcomes).toMatchObject({ result: { index } });
}

describe("opening a log in PostgreSQL", () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await postgresDatabase();
  });
  afterAll(() => database.drop());

  it("brings a new schema up once, however many instances start at the same time", async () => {
    const schema = newSchema();
    const all = await Promise.all(Array.from({ length: 6 }, () => open(database, schema)));
    for (const store of all) expect(await note(store)).toMatchObject([{ ok: true }]);
    expect(await recordsIn(database, schema)).toHaveLength(6);
    expect(await database.admin(`SELECT version FROM ${schema}.migrations`)).toEqual([{ version: 1 }]);
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
    const all = await Promise.all(others.map((other) => open(other, schema)));
    for (const store of all) expect(await note(store)).toMatchObject([{ ok: true, result: { index: 0 } }]);
    await Promise.all(stores.splice(0).map((store) => store.close()));
    await Promise.all(others.map((other) => other.drop()));
  });

  it("leaves a schema alone that a newer Lockkeeper wrote", async () => {
    const schema = newSchema();
    await (await open(database, schema)).close();
    await database.admin(`INSERT INTO ${schema}.migrations VALUES (999, now())`);
    await expect(open(database, schema)).rejects.toMatchObject({
      code: "audit-unavailable",
      message: expect.stringMatching(/its schema has version 999, this Lockkeeper knows 1: start the newer/),
    });
  });

  it("belongs to the account that it was made for", async () => {
    const schema = newSchema();
    await open(database, schema);
    await expect(open(database, schema, { owner: "210987654321" })).rejects.toThrow(
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
    const [one, two] = await Promise.all([open(other, schema), open(other, schema)]);
    const outcomes = await Promise.all([one, two, one, two].map(note));
    expect(outcomes.flat().every(({ ok }) => ok)).toBe(true);
    const session = await WriterSession.open({ endpoint: endpointOf(other.address), schema });
    const [settings] = await session.ask(
      "SELECT current_setting('synchronous_commit') AS synchronous_commit, current_user AS role",
      [],
    );
    expect(settings).toEqual({ synchronous_commit: "on", role: `${schema}_writer` });
    await session.close();
    await Promise.all(stores.splice(0).map((store) => store.close()));
    await other.drop();
  });

  it("refuses a database of another encoding than UTF-8", async () => {
    const { pathname } = new URL(database.address.url);
    await database.admin(
      `CREATE DATABASE ${pathname.slice(1)}_latin1 OWNER ${pathname.slice(1)} TEMPLATE template0 ENCODING 'LATIN1'`,
    );
    const url = `${database.address.url}_latin1`;
    await expect(open(database, newSchema(), { url })).rejects.toThrow(/has the encoding LATIN1: make one with UTF8/);
  });

  describe("says nothing of the password", () => {
    it("when it is wrong", async () => {
      const folder = dataFolder();
      const passwordFile = join(folder.path, "password");
      writeFileSync(passwordFile, "canary-of-a-password\n");
      const error = await open(database, newSchema(), { passwordFile }).catch((reason: unknown) => reason);
      expect(String(error)).toMatch(/password authentication failed/);
      expect(inspect(error, { depth: 20, showHidden: true })).not.toContain("canary-of-a-password");
      folder.remove();
    });

    it("when something else fails", async () => {
      const schema = newSchema();
      const store = await open(database, schema);
      const seen: unknown[] = [store];
      await database.admin(`ALTER TABLE ${schema}.head RENAME TO elsewhere`);
      seen.push(await note(store), await store.query({ kind: "head" }).catch((reason: unknown) => reason));
      seen.push(await open(database, schema).catch((reason: unknown) => reason));
      await database.admin(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lockkeeper'",
      );
      seen.push(await note(store), await store.query({ kind: "head" }).catch((reason: unknown) => reason));
      const said = inspect(seen, { depth: 20 });
      expect(said).toContain("head");
      expect(said).not.toContain(database.password);
    });

    it("when it stands in the URL, which is refused", async () => {
      const url = database.address.url.replace("@", ":canary-in-the-url@");
      const error = await open(database, newSchema(), { url }).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: "configuration", message: expect.stringContaining("passwordFile") });
      expect(inspect(error, { depth: 20 })).not.toContain("canary-in-the-url");
    });
  });

  it("says where there is no server, and what it wants of the configuration", async () => {
    const url = "postgres://somebody@127.0.0.1:1/nothing";
    await expect(open(database, newSchema(), { url })).rejects.toMatchObject({
      code: "audit-unavailable",
      message: expect.stringMatching(/127\.0\.0\.1:1\/nothing, schema log_\w+\) cannot be used: .*ECONNREFUSED/),
    });
    await expect(open(database, newSchema(), { passwordFile: undefined })).rejects.toThrow(
      /the server asks for a password: name its file in passwordFile/,
    );
  });

  it("is what a configuration with a section for PostgreSQL asks for", async () => {
    const folder = dataFolder();
    const schema = newSchema();
    const place = { dataDir: folder.path, postgres: { ...database.address, schema } };
    const store = await openStore(place, { exclusive: true, owner, keys: testLogKeys });
    const journal = openJournal(store, { deadlineMs: 5000, maxQueue: 100 });
    expect((await journal.deny(aDenial(aChange()))).index).toBe(0);
    await journal.close();
    expect(await recordsIn(database, schema)).toHaveLength(1);
    folder.remove();
  });
});

describe("roles in PostgreSQL", () => {
  let database: TestDatabase;
  let schema: string;
  beforeAll(async () => {
    database = await postgresDatabase();
    schema = newSchema();
    const store = await openPostgresStore({ ...database.address, schema, owner, keys: testLogKeys });
    await note(store);
    await store.close();
  });
  afterAll(() => database.drop());

  /** Tries statements in a role; each gives why it was refused, or how many rows it has changed. */
  const attempt = async (role: string, statements: readonly string[]) => {
    const results: unknown[] = [];
    for (const statement of statements) {
      const tried = `SET ROLE ${role}; SET search_path = ${schema}; BEGIN; ${statement}; ROLLBACK`;
      results.push(
        await database.admin(tried).then(
          () => "done",
          (error: Error) => error.message,
        ),
      );
    }
    return results;
  };
  const rewriting = ["records", "nodes", "checkpoints"].flatMap((table) => [
    `UPDATE ${table} SET ${table === "nodes" ? "hash = hash" : table === "records" ? "body = ''" : "note = ''"}`,
    `DELETE FROM ${table}`,
    `TRUNCATE ${table}`,
  ]);

  it("keep the gateway's own session from rewriting the log", async () => {
    const session = await WriterSession.open({ endpoint: endpointOf(database.address), schema });
    for (const statement of [...rewriting, "DELETE FROM keys", "DELETE FROM settings", "DELETE FROM head"]) {
      await expect(session.ask(statement, []), statement).rejects.toThrow(/permission denied/);
    }
    await session.close();
  });

  it("let the writer append, the reader look, and the pruner drop bodies, and nothing more", async () => {
    const denied = expect.stringMatching(/permission denied/);
    expect(
      await attempt(`${schema}_writer`, ["ALTER TABLE records DISABLE TRIGGER keep", "DROP TABLE records"]),
    ).toEqual([expect.stringMatching(/must be owner/), expect.stringMatching(/must be owner/)]);
    expect(await attempt(`${schema}_reader`, ["SELECT * FROM records", "SELECT * FROM changes"])).toEqual([
      "done",
      "done",
    ]);
    const insert = "INSERT INTO checkpoints (size, note) VALUES (9, '')";
    expect(await attempt(`${schema}_reader`, [insert, ...rewriting])).toEqual(Array(10).fill(denied));
    expect(await attempt(`${schema}_pruner`, ["UPDATE records SET body = NULL"])).toEqual(["done"]);
    expect(
      await attempt(`${schema}_pruner`, [
        "UPDATE records SET body = 'another'",
        "UPDATE records SET leaf_hash = leaf_hash",
        "DELETE FROM records",
        insert,
      ]),
    ).toEqual(["the audit log is only appended to", denied, denied, denied]);
  });

  it("do not matter to the triggers, which keep the log also from the owner of its tables", async () => {
    const { pathname } = new URL(database.address.url);
    const results = await attempt(pathname.slice(1), [
      "DELETE FROM records",
      "TRUNCATE records",
      "DELETE FROM checkpoints",
    ]);
    expect(results).toEqual(Array(3).fill("the audit log is only appended to"));
  });

  it("are made by an administrator where the login may not, who is told how", async () => {
    const other = await postgresDatabase();
    const login = new URL(other.address.url).pathname.slice(1);
    await other.admin(`ALTER ROLE ${login} NOCREATEROLE`);
    const name = newSchema();
    const error: Error = await open(other, name).then(
      () => new Error("it was opened"),
      (reason: Error) => reason,
    );
    expect(error.message).toMatch(/its login may not create roles/);
    const [, statements = ""] = /Let an administrator run: (.*)\.$/.exec(error.message) ?? [];
    await other.admin(statements);
    expect(await note(await open(other, name))).toMatchObject([{ ok: true }]);
    await Promise.all(stores.splice(0).map((store) => store.close()));
    await other.drop();
  });

  it("are enough for a gateway that owns nothing: an administrator's start makes the tables", async () => {
    const login = `gateway_${schema}`;
    await database.admin(`CREATE ROLE ${login} LOGIN PASSWORD '${database.password}'`);
    const url = database.address.url.replace(/\/\/\w+@/, `//${login}@`);
    await expect(open(database, schema, { url })).rejects.toThrow(/may not|permission denied/);
    await database.admin(`GRANT ${schema}_writer, ${schema}_reader TO ${login}`);
    expect(await note(await open(database, schema, { url }))).toMatchObject([{ ok: true }]);
  });
});

describe("a PostgreSQL on another machine", () => {
  const file = (name: string) => fileURLToPath(new URL(`../fixture/tls/${name}`, import.meta.url));
  let server: PostgresServer;
  let database: TestDatabase;
  beforeAll(async () => {
    server = await startPostgres(
      { listen_addresses: "127.0.0.1,127.0.0.2", ssl: "on", ssl_cert_file: "../cert.pem", ssl_key_file: "../key.pem" },
      { "cert.pem": readFileSync(file("cert.pem"), "utf8"), "key.pem": readFileSync(file("key.pem"), "utf8") },
    );
    database = await postgresDatabase(server);
  });
  afterAll(() => server.remove());
  const named = (host: string) => database.address.url.replace("127.0.0.1", host);

  it("is spoken with in TLS when its certificate is believed and says its name", async () => {
    const store = await open(database, newSchema(), { url: named("localhost"), caFile: file("cert.pem") });
    expect(await note(store)).toMatchObject([{ ok: true }]);
    const sessions = await database.admin(
      "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'lockkeeper'",
    );
    expect(sessions).toEqual([{ ssl: true }]);
  });

  it("is not spoken with when nobody vouches for it", async () => {
    const url = `${named("localhost")}?sslmode=verify-full`;
    await expect(open(database, newSchema(), { url })).rejects.toThrow(/self-signed certificate/);
  });

  it("is not spoken with when its certificate has another name", async () => {
    const url = named("127.0.0.2");
    await expect(open(database, newSchema(), { url, caFile: file("cert.pem") })).rejects.toThrow(
      /does not match certificate's altnames/,
    );
  });
});

describe("a PostgreSQL that can lose what it has acknowledged", () => {
  let server: PostgresServer | undefined;
  afterEach(() => server?.remove());

  it.each(["fsync", "full_page_writes"])("is refused: %s is off", async (setting) => {
    server = await startPostgres({ [setting]: "off" });
    const database = await postgresDatabase(server);
    await expect(open(database, newSchema())).rejects.toMatchObject({
      code: "audit-unavailable",
      message: expect.stringContaining(`${setting} is off there: a power cut could take acknowledged records`),
    });
  });

  it("is refused when it becomes so while an instance runs, as soon as that connects again", async () => {
    server = await startPostgres();
    const database = await postgresDatabase(server);
    const store = await open(database, newSchema());
    expect(await note(store)).toMatchObject([{ ok: true }]);
    await server.stop();
    await server.start({ fsync: "off" });
    expect(await note(store)).toMatchObject([{ ok: false, message: expect.stringContaining("fsync is off there") }]);
    await server.stop();
    await server.start();
    await written(store, 1);
  });

  it("that was killed has everything that it acknowledged", async () => {
    server = await startPostgres();
    const database = await postgresDatabase(server);
    const schema = newSchema();
    const store = await open(database, schema);
    const acknowledged: string[] = [];
    const append = async () => {
      const { record } = aDenial(aChange());
      const [outcome] = await store.commit([{ kind: "note", record }]);
      if (outcome?.ok === true) acknowledged.push(record.uid);
      return outcome?.ok === true;
    };
    expect(await append()).toBe(true);
    const killed = server.kill();
    // For a moment its sessions outlive it, and write.
    while (await append());
    await killed;
    await server.start();
    await vi.waitUntil(append, { timeout: 20_000, interval: 20 });
    const found = (await recordsIn(database, schema)).map(({ body }) => JSON.parse(String(body)).metadata.uid);
    expect(found).toEqual(expect.arrayContaining(acknowledged));
    expect(new Set(found).size).toBe(found.length);
  });
});
