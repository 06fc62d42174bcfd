import pg from "pg";
import type { Endpoint } from "./address.ts";

/** A row of an answer; the columns are parsed where it is read. */
export type Row = Readonly<Record<string, unknown>>;

/** The three roles that the tables know; `login` is whoever the URL names. */
export type Role = "writer" | "pruner" | "reader" | "login";

export interface SessionOptions {
  readonly endpoint: Endpoint;
  readonly schema: string;
  readonly role: Role;
  /** Milliseconds; 0 for none. */
  readonly statementTimeoutMs: number;
  readonly lockTimeoutMs: number;
  readonly idleInTransactionTimeoutMs: number;
}

const CONNECT_TIMEOUT_MS = 5_000;
/** Silence after which the peer is probed; and how long what was sent may be without an answer before it counts as gone. */
const KEEPALIVE_MS = 10_000;
const UNANSWERED_MS = 10_000;
const OLDEST_VERSION = 150_000;

/** What node-postgres is to be told to reach an endpoint; all of it, so that it asks neither environment nor files. */
export function clientConfig({ host, port, user, database, ssl, password }: Endpoint): pg.ClientConfig {
  return {
    ...{ host, port, user, database, ssl, password },
    application_name: "lockkeeper",
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEPALIVE_MS,
  };
}

/**
 * Makes a new session fit for the log: sets what must hold, asks whether it does, and takes on the role. What the
 * server's or a role's own settings say does not matter then.
 * @returns the number of the server's process for this session
 * @throws Error when the server cannot keep a log
 */
export async function prepare(client: pg.ClientBase, options: Omit<SessionOptions, "endpoint">): Promise<number> {
  const { schema, role, statementTimeoutMs, lockTimeoutMs, idleInTransactionTimeoutMs } = options;
  const { rows } = await client.query<Row>(SETTINGS, [
    `${pg.escapeIdentifier(schema)}, pg_temp`,
    String(statementTimeoutMs),
    String(lockTimeoutMs),
    String(idleInTransactionTimeoutMs),
    String(UNANSWERED_MS),
  ]);
  const settings = rows[0] ?? {};
  assertVersion(settings);
  if (role === "writer" || role === "login") assertDurable(settings);
  const pid = Number(settings["pid"]);
  if (role === "login") return pid;
  if (role === "writer") {
    await client.query(LOOKUPS);
    await client.query("SELECT pg_advisory_lock_shared(hashtextextended($1, 0))", [writersLock(schema)]);
  }
  await takeRole(client, roleName(schema, role), String(settings["login"]));
  return pid;
}

/** The name of an advisory lock that whoever writes holds together, and whoever gives the log up holds alone. */
export function writersLock(schema: string): string {
  return `lockkeeper ${schema} writers`;
}

/** @param login the session's own, quoted where SQL wants that */
async function takeRole(client: pg.ClientBase, name: string, login: string): Promise<void> {
  try {
    await client.query("SELECT set_config('role', $1, false)", [name]);
  } catch (cause) {
    if (sqlState(cause) !== "42501") throw cause;
    throw new Error(
      `its login may not take on the role ${name}. Let an administrator run: GRANT ${pg.escapeIdentifier(name)} TO ${login};`,
      { cause },
    );
  }
}

/** `lockkeeper_writer` and so on: roles belong to the whole server, so they bear the schema's name. */
export function roleName(schema: string, role: Exclude<Role, "login">): string {
  return `${schema}_${role}`;
}

/**
 * `remote_apply` waits for more than `on` does; the rest for less: then an acknowledged record could be lost.
 * https://www.postgresql.org/docs/current/runtime-config-wal.html#GUC-SYNCHRONOUS-COMMIT
 */
const SETTINGS = `
  SELECT current_setting('server_version_num')::int AS version,
    current_setting('server_version') AS version_name,
    current_setting('server_encoding') AS server_encoding,
    current_setting('fsync') AS fsync,
    current_setting('full_page_writes') AS full_page_writes,
    pg_is_in_recovery() AS standby,
    pg_backend_pid() AS pid,
    quote_ident(session_user) AS login,
    set_config('synchronous_commit',
      CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false)
      AS synchronous_commit,
    set_config('search_path', $1, false),
    set_config('statement_timeout', $2, false),
    set_config('lock_timeout', $3, false),
    set_config('idle_in_transaction_session_timeout', $4, false),
    set_config('tcp_user_timeout', $5, false),
    set_config('bytea_output', 'hex', false),
    set_config('jit', 'off', false)`;

/** The writer only looks rows up by key: plans made while the tables were empty must do when they are large. */
const LOOKUPS = `
  SELECT set_config('plan_cache_mode', 'force_generic_plan', false), set_config('enable_seqscan', 'off', false),
    set_config('enable_hashjoin', 'off', false), set_config('enable_mergejoin', 'off', false)`;

function assertVersion(settings: Row): void {
  if (Number(settings["version"]) >= OLDEST_VERSION) return;
  throw new Error(`it is PostgreSQL ${settings["version_name"]}, and 15 is the oldest that will do`);
}

function assertDurable(settings: Row): void {
  if (settings["standby"] !== false) throw new Error("it is a standby, which takes no writes: name the primary");
  for (const name of ["fsync", "full_page_writes"]) {
    if (settings[name] === "on") continue;
    throw new Error(`${name} is ${settings[name]} there: a power cut could take acknowledged records. Set it to on`);
  }
  // A body is hashed as UTF-8, so it must be kept as that.
  if (settings["server_encoding"] !== "UTF8") {
    throw new Error(`the database has the encoding ${settings["server_encoding"]}: make one with UTF8`);
  }
  if (settings["synchronous_commit"] !== "on" && settings["synchronous_commit"] !== "remote_apply") {
    throw new Error(`synchronous_commit stays ${settings["synchronous_commit"]} there`);
  }
}

/** Why something failed, in the server's or the network's words; neither has the password or a query's values. */
export function reasonOf(error: unknown): string {
  // Where a name has several addresses, each has an error of its own.
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  return error instanceof Error && error.message !== "" ? error.message : String(error);
}

/** The table in which a row is there already (unique_violation); undefined for any other error. */
export function tableWithSuchRow(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError && error.code === "23505" ? error.table : undefined;
}

/** An error's SQLSTATE; undefined when it is not the server's. https://www.postgresql.org/docs/current/errcodes-appendix.html */
export function sqlState(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined;
}
