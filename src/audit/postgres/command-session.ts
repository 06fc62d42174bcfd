import pg from "pg";
import { LockkeeperError } from "../../errors.ts";
import type { Sql } from "../sql.ts";
import { endpointOf, type PostgresAddress } from "./address.ts";
import { clientConfig, prepare, type Role, type Row, reasonOf } from "./session.ts";

export interface CommandSessionOptions extends PostgresAddress {
  readonly schema: string;
  /** An AWS account, or `sandbox`: whose log it must be. */
  readonly owner: string;
}

/** What a command is about, for its errors: "pruned", "recovered". */
export interface CommandSession {
  readonly client: pg.Client;
  readonly sql: Sql;
  close(): Promise<void>;
}

/** Milliseconds for which a row or a table that somebody else holds is waited for. */
export const LOCK_TIMEOUT_MS = 10_000;

/**
 * A session for one command that works on the log for as long as it takes.
 * @param done what cannot be done with the log when this fails, for people
 * @throws LockkeeperError `audit-unavailable`, or `configuration` for an address that cannot be one
 */
export async function openCommandSession(
  options: CommandSessionOptions,
  role: Role,
  done: string,
): Promise<CommandSession> {
  const { schema, owner } = options;
  const endpoint = endpointOf(options);
  const client = new pg.Client(clientConfig(endpoint));
  // A connection that breaks fails the statement that waits for it.
  client.on("error", () => {});
  try {
    await client.connect();
    const limits = { statementTimeoutMs: 0, lockTimeoutMs: LOCK_TIMEOUT_MS, idleInTransactionTimeoutMs: 0 };
    await prepare(client, { schema, role, ...limits });
    const { rows } = await client.query<Row>("SELECT value FROM settings WHERE name = 'owner'");
    const found = rows[0]?.["value"];
    if (found !== owner) throw new Error(`it belongs to ${String(found)}, and this Lockkeeper works for ${owner}`);
    return {
      client,
      sql: { all: async (text, ...values) => (await client.query<Row>(text, values)).rows },
      close: () => client.end(),
    };
  } catch (cause) {
    client.connection.stream.destroy();
    const where = `${endpoint.host}:${endpoint.port}/${endpoint.database}, schema ${schema}`;
    const message = `The audit log in PostgreSQL (${where}) cannot be ${done}: ${reasonOf(cause)}.`;
    throw new LockkeeperError("audit-unavailable", message, {}, { cause });
  }
}
