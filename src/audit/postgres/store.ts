import pg from "pg";
import { LockkeeperError } from "../../errors.ts";
import { assertSameKey } from "../key-change.ts";
import type { LogIdentity, LogKeys } from "../log-keys.ts";
import { assertNotSmaller } from "../log-tail.ts";
import type { Operation, OperationOutcome, Query, QueryResult, QueryResults, Store } from "../operation.ts";
import { type Endpoint, endpointOf, type PostgresAddress } from "./address.ts";
import { commit } from "./commit.ts";
import { Connection } from "./connection.ts";
import { takeUpKey } from "./key-change.ts";
import { migrate } from "./migrations.ts";
import { openPool, type ReadPool } from "./pool.ts";
import { Queries } from "./queries.ts";
import { clientConfig, prepare, reasonOf } from "./session.ts";

export interface PostgresStoreOptions extends PostgresAddress {
  /** Schema that holds the log's tables, lower case; made when it is not there. */
  readonly schema: string;
  /** The AWS account whose changes the log holds, or `sandbox`. A schema that belongs to another one is refused. */
  readonly owner: string;
  readonly keys: LogKeys;
  /** False for a command beside a gateway, which does not change the key that signs the log. Default true. */
  readonly exclusive?: boolean;
  /** Epoch milliseconds; default: the machine's clock. */
  readonly now?: () => number;
}

/** Migrations may have to rewrite a large table, and wait for another instance that does. */
const MIGRATION_LOCK_TIMEOUT_MS = 600_000;

/**
 * The log in a schema of PostgreSQL, which several gateways may share.
 * @throws LockkeeperError `audit-unavailable`: not reachable, too old, not durable, not allowed, written by a newer
 *   version, another owner's, another log, not ending as it was written, signed by a key that is not trusted;
 *   `configuration` for an address that cannot be one
 */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<Store> {
  const { schema, owner, keys, exclusive = true, now = Date.now } = options;
  const endpoint = endpointOf(options);
  const connection = new Connection({ endpoint, schema, owner, keys });
  try {
    await migrated(endpoint, schema);
    await takeUpKey(connection, { mayChange: exclusive, now: now() });
    const { identity } = await connection.toWrite();
    const pool = openPool({ endpoint, schema });
    return new PostgresStore(connection, pool, new Queries(pool, identity), identity);
  } catch (cause) {
    connection.discard();
    if (cause instanceof LockkeeperError && cause.code === "configuration") throw cause;
    const where = `${endpoint.host}:${endpoint.port}/${endpoint.database}, schema ${schema}`;
    const message = `The audit log in PostgreSQL (${where}) cannot be used: ${reasonOf(cause)}.`;
    throw new LockkeeperError("audit-unavailable", message, {}, { cause });
  }
}

class PostgresStore implements Store {
  /** Never: whatever happens to the server, it is connected to again. */
  readonly failed = new Promise<Error>(() => {});
  readonly #connection: Connection;
  readonly #pool: ReadPool;
  readonly #queries: Queries;
  readonly #identity: LogIdentity;
  /** The commit that is under way; one begins when the one before it has ended. */
  #last: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(connection: Connection, pool: ReadPool, queries: Queries, identity: LogIdentity) {
    this.#identity = identity;
    this.#connection = connection;
    this.#pool = pool;
    this.#queries = queries;
  }

  commit(batch: readonly Operation[]): Promise<readonly OperationOutcome[]> {
    if (this.#closing !== undefined) return Promise.reject(new Error("the store is closed"));
    const outcomes = this.#last.then(() => commit(this.#connection, batch));
    this.#last = outcomes.catch(() => {});
    return outcomes;
  }

  async query<K extends Query["kind"]>(query: Extract<Query, { kind: K }>): Promise<QueryResults[K]> {
    try {
      return (await this.#queries.answer(query)) as QueryResult as QueryResults[K];
    } catch (cause) {
      throw new Error(reasonOf(cause), { cause });
    }
  }

  async check(): Promise<void> {
    const known = this.#connection.known;
    const remembered = known?.head;
    try {
      // A head under a new key is no fault of the log, also where that key is not known.
      if (known !== undefined) assertSameKey(await this.#queries.vkey(), known.vkey, this.#identity);
      const found = await this.#queries.newestHead();
      if (remembered !== undefined) assertNotSmaller(found, remembered);
    } catch (error) {
      throw this.#connection.poisonedBy(error);
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#last.then(async () => {
      await Promise.all([this.#connection.close(), this.#pool.close()]);
    });
    return this.#closing;
  }
}

/** In a session of its own, as the login: those that write and read afterwards have less to say. */
async function migrated(endpoint: Endpoint, schema: string): Promise<void> {
  const client = new pg.Client(clientConfig(endpoint));
  // A connection that breaks fails the statement that waits for it.
  client.on("error", () => {});
  try {
    await client.connect();
    await prepare(client, {
      schema,
      role: "login",
      statementTimeoutMs: 0,
      lockTimeoutMs: MIGRATION_LOCK_TIMEOUT_MS,
      idleInTransactionTimeoutMs: MIGRATION_LOCK_TIMEOUT_MS,
    });
    await migrate(client, schema);
    await client.end();
  } catch (error) {
    client.connection.stream.destroy();
    throw error;
  }
}
