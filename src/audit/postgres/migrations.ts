import pg from "pg";
import { createRoles, rolesComplete } from "./roles.ts";
import { version1, version2 } from "./schema.ts";
import { reasonOf, sqlState } from "./session.ts";

/** Forward only: a new step is appended, an old one is never changed. */
const migrations: readonly string[] = [version1, version2];

/** How often a migration is tried again that met another one, of another database, at the roles that both make. */
const TRIES = 5;

/**
 * Brings the schema up to date, with its roles, in one transaction that another instance starting at the same time waits
 * for. One that is up to date is only read.
 * @param client a session of the login itself
 * @throws Error when a newer Lockkeeper wrote it, or the login may not
 */
export async function migrate(client: pg.ClientBase, schema: string): Promise<void> {
  if (await isComplete(client, schema)) return;
  for (let tries = 1; ; tries += 1) {
    try {
      await client.query("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE");
      await client.query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [`lockkeeper ${schema}`]);
      await bringUpToDate(client, schema);
      await client.query("COMMIT");
      return;
    } catch (error) {
      await client.query("ROLLBACK");
      if (tries === TRIES || !isRace(error)) throw error;
    }
  }
}

/** The same inside a transaction that the caller opens and commits, holding others off. */
export async function bringUpToDate(client: pg.ClientBase, schema: string): Promise<void> {
  // Looked at again: another instance may have done it while this one waited.
  if (await isComplete(client, schema)) return;
  const done = await schemaVersion(client, schema);
  if (done === 0) {
    await createSchema(client, schema);
    await client.query("CREATE TABLE migrations (version int PRIMARY KEY, applied_at timestamptz NOT NULL)");
  }
  for (const [index, sql] of migrations.entries()) {
    if (index < done) continue;
    await client.query(sql);
    await client.query("INSERT INTO migrations (version, applied_at) VALUES ($1, now())", [index + 1]);
  }
  await createRoles(client, schema);
}

async function isComplete(client: pg.ClientBase, schema: string): Promise<boolean> {
  return (await schemaVersion(client, schema)) === migrations.length && (await rolesComplete(client, schema));
}

/** @returns 0 where there is no schema */
async function schemaVersion(client: pg.ClientBase, schema: string): Promise<number> {
  // Not to_regclass and its like: within a transaction they answer from what the session remembers of the catalog, so
  // whoever has waited for another instance would not see what that one has made.
  const there = "SELECT 1 FROM pg_tables WHERE schemaname = $1 AND tablename = 'migrations'";
  if ((await client.query(there, [schema])).rows.length === 0) return 0;
  const { rows } = await client.query<{ version: number }>(
    `SELECT coalesce(max(version), 0) AS version FROM ${pg.escapeIdentifier(schema)}.migrations`,
  );
  const version = rows[0]?.version ?? 0;
  if (version > migrations.length) {
    throw new Error(
      `its schema has version ${version}, this Lockkeeper knows ${migrations.length}: start the newer Lockkeeper that wrote it`,
    );
  }
  return version;
}

/** An administrator may have made it, empty, for a login that may not. */
async function createSchema(client: pg.ClientBase, schema: string): Promise<void> {
  const name = pg.escapeIdentifier(schema);
  const { rows } = await client.query<{ there: boolean; login: string }>(
    "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1) AS there, quote_ident(session_user) AS login",
    [schema],
  );
  if (rows[0]?.there) return;
  try {
    await client.query(`CREATE SCHEMA ${name}`);
  } catch (cause) {
    if (sqlState(cause) !== "42501") throw cause;
    throw new Error(
      `its login may not make the schema (${reasonOf(cause)}). Let an administrator run: CREATE SCHEMA ${name} AUTHORIZATION ${rows[0]?.login};`,
      { cause },
    );
  }
}

/** Roles belong to the server, the lock to one database: two databases may make the same ones at once. */
function isRace(error: unknown): boolean {
  const state = sqlState(error);
  return (
    state === "42710" || state === "23505" || (state === "XX000" && reasonOf(error).startsWith("tuple concurrently"))
  );
}
