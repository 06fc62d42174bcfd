import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { endpointOf } from "../../src/audit/postgres/address.ts";
import { openPool } from "../../src/audit/postgres/pool.ts";
import { openPostgresReader } from "../../src/audit/postgres/reader.ts";
import { aChange, aDenial } from "../fixture/changes.ts";
import { newSchema, postgresDatabase, recordsIn, type TestDatabase } from "../fixture/postgres.ts";
import { type PostgresServer, startPostgres } from "../fixture/postgres-server.ts";
import { closeStores, note, openOn, written } from "../fixture/postgres-store.ts";

afterEach(closeStores);

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
    const store = await openOn(database, newSchema(), { url: named("localhost"), caFile: file("cert.pem") });
    expect(await note(store)).toMatchObject([{ ok: true }]);
    const sessions = await database.admin(
      "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'lockkeeper' AND datname = current_database()",
    );
    expect(sessions).toEqual([{ ssl: true }]);
  });

  it("is not spoken with when nobody vouches for it", async () => {
    const url = `${named("localhost")}?sslmode=verify-full`;
    await expect(openOn(database, newSchema(), { url })).rejects.toThrow(/self-signed certificate/);
  });

  it("is not spoken with when its certificate has another name", async () => {
    const url = named("127.0.0.2");
    await expect(openOn(database, newSchema(), { url, caFile: file("cert.pem") })).rejects.toThrow(
      /does not match certificate's altnames/,
    );
  });
});

describe("a standby that takes the place of the primary", () => {
  it("is not read by a gateway, which would take what it lacks for missing", async () => {
    const server = await startPostgres();
    const database = await postgresDatabase(server);
    const [row] = await database.admin("SELECT current_setting('data_directory') AS data");
    const schema = newSchema();
    const store = await openOn(database, schema);
    expect(await note(store)).toMatchObject([{ ok: true }]);
    const pool = openPool({ endpoint: endpointOf(database.address), schema });
    await pool.ask("SELECT 1", []);
    await database.admin(`COPY (SELECT 1 WHERE false) TO '${row?.["data"]}/standby.signal'`);
    await server.stop();
    await server.start();
    await expect(pool.ask("SELECT 1", [])).rejects.toThrow(/it is a standby, which may lag behind/);
    await expect(store.check()).rejects.toThrow(/it is a standby/);
    const reader = await openPostgresReader({ ...database.address, schema });
    expect(await reader.size()).toBe(1);
    await reader.close();
    await pool.close();
    await closeStores();
    await server.remove();
  });
});

describe("a PostgreSQL that can lose what it has acknowledged", () => {
  let server: PostgresServer | undefined;
  afterEach(() => server?.remove());

  it.each(["fsync", "full_page_writes"])("is refused: %s is off", async (setting) => {
    server = await startPostgres({ [setting]: "off" });
    const database = await postgresDatabase(server);
    await expect(openOn(database, newSchema())).rejects.toMatchObject({
      code: "audit-unavailable",
      message: expect.stringContaining(`${setting} is off there: a power cut could take acknowledged records`),
    });
  });

  it("is refused when it becomes so while an instance runs, as soon as that connects again", async () => {
    server = await startPostgres();
    const database = await postgresDatabase(server);
    const store = await openOn(database, newSchema());
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
    const store = await openOn(database, schema);
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
