import pg from "pg";
import type { Ask } from "./log-rows.ts";
import { clientConfig, prepare, type Row, type SessionOptions } from "./session.ts";

/** Sessions that answer questions at the same time. */
const SESSIONS = 4;
/** Sessions for searches: they may take long, and claims, replays and the look at the head must not wait behind them. */
const SEARCH_SESSIONS = 2;
const STATEMENT_TIMEOUT_MS = 8_000;
/** Only a hung server takes as long as that. */
const ANSWER_TIMEOUT_MS = 10_000;
const IDLE_MS = 60_000;

/** Sessions to read with, in the reader's role. */
export interface ReadPool {
  readonly ask: Ask;
  /** The same in sessions of its own, for questions that may look at many rows. */
  readonly search: Ask;
  close(): Promise<void>;
}

/** Nothing is connected before something is asked. */
export function openPool({ endpoint, schema }: Pick<SessionOptions, "endpoint" | "schema">): ReadPool {
  const limits = {
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
    lockTimeoutMs: STATEMENT_TIMEOUT_MS,
    idleInTransactionTimeoutMs: STATEMENT_TIMEOUT_MS,
  };
  const sessions = (max: number) => {
    const pool = new pg.Pool({
      ...clientConfig(endpoint),
      max,
      query_timeout: ANSWER_TIMEOUT_MS,
      idleTimeoutMillis: IDLE_MS,
      onConnect: async (client) => {
        await prepare(client, { schema, role: "reader", ...limits });
        await assertPrimary(client);
      },
    });
    // A session that is lost while nobody asks is made anew by whoever asks next.
    pool.on("error", () => {});
    return pool;
  };
  const [questions, searches] = [sessions(SESSIONS), sessions(SEARCH_SESSIONS)];
  return {
    ask: async (text, values) => (await questions.query<Row>(text, values)).rows,
    search: async (text, values) => (await searches.query<Row>(text, values)).rows,
    close: async () => void (await Promise.all([questions.end(), searches.end()])),
  };
}

/** On a standby that lags behind, the log is smaller than the one that was written here: that is no fault of the log. */
async function assertPrimary(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<Row>("SELECT pg_is_in_recovery() AS standby");
  if (rows[0]?.["standby"] !== false) throw new Error("it is a standby, which may lag behind: name the primary");
}
