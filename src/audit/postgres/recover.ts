import pg from "pg";
import { LockkeeperError } from "../../errors.ts";
import { GrowingTree } from "../../tlog/growing-tree.ts";
import { LogBatch } from "../log-batch.ts";
import { type LogIdentity, type LogKeys, logIdentity } from "../log-keys.ts";
import type { NewLog } from "../recover/carry-over.ts";
import type { RecoverableStore } from "../recover/recover.ts";
import type { Sql } from "../sql.ts";
import { type CommandSessionOptions, LOCK_TIMEOUT_MS, openCommandSession } from "./command-session.ts";
import { appendBatch, type Bound, type LockedHead, writeTables } from "./flush.ts";
import { bringUpToDate } from "./migrations.ts";
import { PostgresTables } from "./postgres-tables.ts";
import { type Row, roleName, sqlState, writersLock } from "./session.ts";
import { workingSet } from "./working-set.ts";

/**
 * The server notices only after a moment that whoever wrote has ended, and keeps their lock so long. Shorter than a
 * gateway waits for the lock: one that connects meanwhile goes on when this is refused.
 */
const FAREWELL_MS = 3_000;
/** https://www.postgresql.org/docs/current/errcodes-appendix.html */
const LOCK_NOT_AVAILABLE = "55P03";

/**
 * The log in a schema of PostgreSQL, to be given up for a new one in one transaction. What is sealed is the schema
 * `<schema>_sealed_<n>`, in which neither the writer's role nor the pruner's may do anything any more.
 * @throws LockkeeperError `audit-unavailable` when a gateway or another command is connected, or there is no log
 */
export async function openPostgresRecovery(
  options: CommandSessionOptions,
): Promise<RecoverableStore & { close(): Promise<void> }> {
  const { schema, owner } = options;
  const { client, sql, close } = await openCommandSession(options, "login", "recovered");
  try {
    await holdAlone(client, schema);
    await showAsPresent(client, schema);
  } catch (error) {
    await close();
    throw error;
  }
  let from = schema;
  /** What is read comes from the old log, also when it has another name already. */
  const oldLog: Sql = {
    async all(text, ...values) {
      await searchIn(client, from);
      return sql.all(text, ...values);
    },
  };
  const sealedSchema = (recovery: number) => `${schema}_sealed_${recovery}`;
  return {
    sql: oldLog,
    close,
    placeOf: (recovery) => `schema ${sealedSchema(recovery)}`,
    async sealedBefore() {
      const start = sealedSchema(0).slice(0, -1);
      const { rows } = await client.query<Row>("SELECT nspname FROM pg_namespace WHERE starts_with(nspname, $1)", [
        start,
      ]);
      const numbers = rows.map((row) => String(row["nspname"]).slice(start.length));
      return numbers.filter((number) => /^[1-9][0-9]{0,5}$/.test(number)).map(Number);
    },
    async replace(recovery, keys, fill) {
      await client.query("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE");
      try {
        const sealed = sealedSchema(recovery);
        await seal(client, schema, sealed);
        await searchIn(client, schema);
        await bringUpToDate(client, schema);
        await client.query("INSERT INTO settings (name, value) VALUES ('owner', $1), ('origin', $2)", [
          owner,
          keys.origin,
        ]);
        from = sealed;
        await fill(newLog(client, schema, keys));
        await client.query("COMMIT");
      } catch (error) {
        from = schema;
        await client.query("ROLLBACK");
        throw error;
      }
    },
  };
}

/** @throws LockkeeperError when somebody is connected to write; nobody else will be as long as this session lasts */
async function holdAlone(client: pg.Client, schema: string): Promise<void> {
  try {
    await client.query("SELECT set_config('lock_timeout', $1, false)", [String(FAREWELL_MS)]);
    await client.query("SELECT pg_advisory_lock(hashtextextended($1, 0))", [writersLock(schema)]);
    await client.query("SELECT set_config('lock_timeout', $1, false)", [String(LOCK_TIMEOUT_MS)]);
  } catch (cause) {
    if (sqlState(cause) !== LOCK_NOT_AVAILABLE) throw cause;
    throw new LockkeeperError(
      "audit-unavailable",
      `Gateways or commands are connected to write to the log in schema ${schema}. Stop every instance first, on all machines: a log is given up for all of them.`,
      {},
      { cause },
    );
  }
}

/** Lets a log of schema version 1, which had no signatures, look like one of the present. Writes nothing to it. */
async function showAsPresent(client: pg.Client, schema: string): Promise<void> {
  const there = "SELECT 1 FROM pg_tables WHERE schemaname = $1 AND tablename = 'signatures'";
  if ((await client.query(there, [schema])).rows.length > 0) return;
  // Found in pg_temp, which is searched last.
  await client.query("CREATE TEMP TABLE signatures (digest text, change_id text, expires_at bigint)");
}

/** Of what was to be in the sealed schema, only reading is left. */
async function seal(client: pg.Client, schema: string, sealed: string): Promise<void> {
  const [old, now] = [schema, sealed].map((name) => pg.escapeIdentifier(name));
  await client.query(`ALTER SCHEMA ${old} RENAME TO ${now}`);
  for (const role of ["writer", "pruner"] as const) {
    const name = pg.escapeIdentifier(roleName(schema, role));
    await client.query(`REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA ${now} FROM ${name}`);
    await client.query(`REVOKE USAGE ON SCHEMA ${now} FROM ${name}`);
  }
  await letRead(client, sealed);
}

/** Whoever reads a log does it in the role that bears its schema's name. */
async function letRead(client: pg.Client, sealed: string): Promise<void> {
  const reader = pg.escapeIdentifier(roleName(sealed, "reader"));
  const { rows } = await client.query<Row>(
    "SELECT rolcreaterole OR rolsuper AS may, to_regrole($1) IS NOT NULL AS there FROM pg_roles WHERE rolname = session_user",
    [reader],
  );
  const { may, there } = rows[0] ?? {};
  if (may !== true && there !== true) return;
  if (there !== true) {
    await client.query(`CREATE ROLE ${reader} NOLOGIN`);
    await client.query(`GRANT ${reader} TO SESSION_USER`);
  }
  const schema = pg.escapeIdentifier(sealed);
  await client.query(`GRANT USAGE ON SCHEMA ${schema} TO ${reader}`);
  await client.query(`GRANT SELECT ON ALL TABLES IN SCHEMA ${schema} TO ${reader}`);
}

async function searchIn(client: pg.Client, schema: string): Promise<void> {
  await client.query("SELECT set_config('search_path', $1, false)", [`${pg.escapeIdentifier(schema)}, pg_temp`]);
}

function newLog(client: pg.Client, schema: string, keys: LogKeys): NewLog {
  const identity: LogIdentity = logIdentity(keys);
  const vkey = identity.signer.verifier;
  const tree = GrowingTree.load(0, () => []);
  let head: LockedHead = { size: 0, root: tree.root(), vkey: null };
  const write = async (statements: readonly Bound[]) => {
    await searchIn(client, schema);
    for (const { name, text, values } of statements) await client.query({ name, text, values });
  };
  return {
    async append(records) {
      const batch = new LogBatch(tree, identity);
      for (const record of records) batch.append(record);
      const sealed = batch.seal();
      if (sealed === undefined) return;
      const tables = new PostgresTables(workingSet(undefined));
      await write([...appendBatch(sealed, head, vkey), ...writeTables(tables, sealed)]);
      tree.mark();
      head = { ...sealed.head, vkey };
    },
    async write(what) {
      const tables = new PostgresTables(workingSet(undefined));
      what(tables);
      await write(writeTables(tables, undefined));
    },
  };
}
