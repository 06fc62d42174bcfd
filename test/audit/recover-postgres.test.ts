import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { openPostgresReader } from "../../src/audit/postgres/reader.ts";
import { openPostgresRecovery } from "../../src/audit/postgres/recover.ts";
import { openPostgresStore } from "../../src/audit/postgres/store.ts";
import { openJournal } from "../../src/audit/store-journal.ts";
import { aChange, aDenial } from "../fixture/changes.ts";
import { testLogKeys } from "../fixture/log-keys.ts";
import { newSchema, postgresDatabase, type TestDatabase } from "../fixture/postgres.ts";
import { owner, type RecoverFixture, recordsOf, recover, recoverSuite } from "./recover-suite.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await postgresDatabase();
});
afterAll(() => database.drop());

interface PostgresFixture extends RecoverFixture {
  readonly schema: string;
}

function postgresFixture(): PostgresFixture {
  const schema = newSchema();
  const place = { ...database.address, schema, owner };
  return {
    schema,
    async open(keys = testLogKeys) {
      return openJournal(await openPostgresStore({ ...place, keys }), { deadlineMs: 10_000, maxQueue: 10_000 });
    },
    recovery: () => openPostgresRecovery(place),
    async look(see, sealed) {
      const name = sealed === undefined ? schema : `${schema}_sealed_${sealed}`;
      return see({ all: (text) => database.admin(text.replaceAll("FROM ", `FROM ${name}.`)) });
    },
    reader: (sealed) =>
      openPostgresReader({ ...database.address, schema: sealed === undefined ? schema : `${schema}_sealed_${sealed}` }),
    async tamper(sql) {
      await database.tamper(
        sql.replaceAll(/(UPDATE|DELETE FROM|INSERT INTO|DROP TABLE|ALTER TABLE) /g, `$1 ${schema}.`),
      );
    },
    bytes: (hex) => `'\\x${hex}'`,
    makeEmpty: () =>
      database.tamper(
        `UPDATE ${schema}.head SET size = 0, root = sha256(''), checkpoint = NULL, vkey = 'anything'; DELETE FROM ${schema}.keys`,
      ),
    destroy: async () => {},
  };
}

recoverSuite("PostgreSQL", async () => postgresFixture());

describe("recovering a schema", () => {
  const filled = async () => {
    const fixture = postgresFixture();
    const journal = await fixture.open();
    await journal.deny(aDenial(aChange()));
    await journal.close();
    return fixture;
  };

  it("is refused while any instance is connected", async () => {
    const fixture = await filled();
    const gateway = await fixture.open();
    await expect(recover(fixture)).rejects.toMatchObject({
      code: "audit-unavailable",
      message: expect.stringContaining("Stop every instance first, on all machines"),
    });
    await gateway.close();
    expect(await recover(fixture)).toMatchObject({ sealed: { place: `schema ${fixture.schema}_sealed_1`, size: 1 } });
  });

  it("waits for an instance that has just ended, which the server notices only after a moment", async () => {
    const fixture = await filled();
    const gateway = await fixture.open();
    const recovered = recover(fixture);
    await vi.waitUntil(
      async () => {
        const [waiting] = await database.admin(
          `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
        );
        return waiting;
      },
      { timeout: 20_000, interval: 20 },
    );
    await gateway.close();
    expect(await recovered).toMatchObject({ sealed: { size: 1 } });
  });

  it("leaves nothing to write to in the sealed schema", async () => {
    const fixture = await filled();
    await recover(fixture);
    const { schema } = fixture;
    const [may] = await database.admin(
      `SELECT has_table_privilege('${schema}_writer', '${schema}_sealed_1.records', 'INSERT') AS insert,
        has_table_privilege('${schema}_pruner', '${schema}_sealed_1.changes', 'DELETE') AS delete,
        has_table_privilege('${schema}_writer', '${schema}.records', 'INSERT') AS new_insert,
        has_table_privilege('${schema}_writer', '${schema}.records', 'DELETE') AS new_delete`,
    );
    expect(may).toEqual({ insert: false, delete: false, new_insert: true, new_delete: false });
  });

  it("lets a gateway's login go on with the new log, and read the sealed one when its role is granted", async () => {
    const fixture = await filled();
    await recover(fixture);
    const { schema } = fixture;
    const [login, sealed] = [`gateway_${schema}`, `${schema}_sealed_1`];
    await database.admin(`CREATE ROLE ${login} LOGIN PASSWORD '${database.password}'`);
    await database.admin(`GRANT ${schema}_writer, ${schema}_reader TO ${login}`);
    const { passwordFile, url: owners } = database.address;
    const url = owners.replace(/\/\/\w+@/, `//${login}@`);
    const store = await openPostgresStore({ url, passwordFile, schema, owner, keys: testLogKeys });
    await store.close();

    const read = () => openPostgresReader({ url, passwordFile, schema: sealed });
    const grant = `GRANT "${sealed}_reader" TO ${login};`;
    await expect(read()).rejects.toThrow(`Let an administrator run: ${grant}`);
    const maintenance = readFileSync(new URL("../../docs/audit-maintenance.md", import.meta.url), "utf8");
    const [documented = ""] = /^GRANT \w+_sealed_1_reader TO gateway;$/m.exec(maintenance) ?? [];
    const granted = documented.replace("lockkeeper", schema).replace("gateway", login);
    await database.admin(`SET ROLE ${new URL(owners).pathname.slice(1)}; ${granted}`);
    const reader = await read();
    expect(await reader.size()).toBe(1);
    await reader.close();

    // As where the owner may not create roles.
    await database.admin(`DROP OWNED BY ${sealed}_reader; DROP ROLE ${sealed}_reader`);
    await (await read()).close();
  });

  it("is there as a whole or not at all when its session is cut off", async () => {
    const fixture = await filled();
    const store = await fixture.recovery();
    const cut = store.replace(1, testLogKeys, async (newLog) => {
      await newLog.append([aDenial(aChange()).record]);
      await database.admin(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()
          AND state LIKE 'idle in transaction%' AND pid <> pg_backend_pid()`,
      );
      await newLog.append([aDenial(aChange()).record]);
    });
    await expect(cut).rejects.toThrow();
    expect(await recordsOf(fixture)).toHaveLength(1);
    expect((await recover(fixture)).origin).toBe("lockkeeper.test/log/recovered-1");
  });

  it("is refused for another account's log, and where there is none", async () => {
    const fixture = await filled();
    const place = { ...database.address, schema: fixture.schema };
    await expect(openPostgresRecovery({ ...place, owner: "other" })).rejects.toThrow(
      /it belongs to 123456789012, and this Lockkeeper works for other/,
    );
    await expect(openPostgresRecovery({ ...place, schema: newSchema(), owner })).rejects.toMatchObject({
      code: "audit-unavailable",
    });
  });

  it("stops an instance that was not heard of, when it comes back", async () => {
    const fixture = await filled();
    const lost = await fixture.open();
    // Its connection is cut, so that it is not seen.
    await database.admin(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
    await recover(fixture);
    await expect(lost.deny(aDenial(aChange()))).rejects.toMatchObject({ code: "audit-unavailable" });
    expect(await recordsOf(fixture)).toHaveLength(1);
    await lost.close();
  });
});
