import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { endpointOf } from "../../src/audit/postgres/address.ts";
import { WriterSession } from "../../src/audit/postgres/writer-session.ts";
import { newSchema, postgresDatabase, type TestDatabase } from "../fixture/postgres.ts";
import { closeStores, note, openOn } from "../fixture/postgres-store.ts";

afterEach(closeStores);

describe("roles in PostgreSQL", () => {
  let database: TestDatabase;
  let schema: string;
  beforeAll(async () => {
    database = await postgresDatabase();
    schema = newSchema();
    const store = await openOn(database, schema);
    await note(store);
    await closeStores();
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
    const error: Error = await openOn(other, name).then(
      () => new Error("it was opened"),
      (reason: Error) => reason,
    );
    expect(error.message).toMatch(/its login may not create roles/);
    const [, statements = ""] = /Let an administrator run: (.*)\.$/.exec(error.message) ?? [];
    await other.admin(statements);
    expect(await note(await openOn(other, name))).toMatchObject([{ ok: true }]);
    await closeStores();
    await other.drop();
  });

  it("that a login may not take on are named to it, with the statement that an administrator is to run", async () => {
    const login = `Gateway-${schema}`;
    await database.admin(`CREATE ROLE "${login}" LOGIN PASSWORD '${database.password}'`);
    const url = database.address.url.replace(/\/\/\w+@/, `//${login}@`);
    await database.admin(`GRANT ${schema}_reader TO "${login}"`);
    const grant = `GRANT "${schema}_writer" TO "${login}";`;
    await expect(openOn(database, schema, { url })).rejects.toThrow(`Let an administrator run: ${grant}`);
    await database.admin(grant);
    expect(await note(await openOn(database, schema, { url }))).toMatchObject([{ ok: true }]);
  });

  it("need a schema, which an administrator makes where the login may not: the statement names both", async () => {
    const other = await postgresDatabase();
    const login = new URL(other.address.url).pathname.slice(1);
    await other.admin(`REVOKE CREATE ON DATABASE ${login} FROM ${login}`);
    const name = newSchema();
    const statement = `CREATE SCHEMA "${name}" AUTHORIZATION ${login};`;
    await expect(openOn(other, name)).rejects.toThrow(`Let an administrator run: ${statement}`);
    await other.admin(statement);
    expect(await note(await openOn(other, name))).toMatchObject([{ ok: true }]);
    await closeStores();
    await other.drop();
  });

  it("are enough for a gateway that owns nothing: an administrator's start makes the tables", async () => {
    const login = `gateway_${schema}`;
    await database.admin(`CREATE ROLE ${login} LOGIN PASSWORD '${database.password}'`);
    const url = database.address.url.replace(/\/\/\w+@/, `//${login}@`);
    await expect(openOn(database, schema, { url })).rejects.toThrow(/may not|permission denied/);
    await database.admin(`GRANT ${schema}_writer, ${schema}_reader TO ${login}`);
    expect(await note(await openOn(database, schema, { url }))).toMatchObject([{ ok: true }]);
  });
});
