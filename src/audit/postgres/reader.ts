import pg from "pg";
import { LockkeeperError } from "../../errors.ts";
import type { LogEntry, LogReader, StoredCheckpoint, StoredNode } from "../log-reader.ts";
import { type Endpoint, endpointOf, type PostgresAddress } from "./address.ts";
import { bytes } from "./log-rows.ts";
import { clientConfig, prepare, type Row, reasonOf, sqlState } from "./session.ts";

export interface PostgresReaderOptions extends PostgresAddress {
  readonly schema: string;
}

/** Records that are read at once; each has up to 64 KiB. */
const CHUNK = 512;
const CHECKPOINTS = 4_096;
/** How long whoever reads may take for a chunk. */
const PATIENCE_MS = 600_000;
const LIMITS = { statementTimeoutMs: 0, lockTimeoutMs: 10_000, idleInTransactionTimeoutMs: PATIENCE_MS } as const;

/** Index, uid, correlation, code, time, and the lengths of body and hash in bytes. */
type Columns = [number, string, string, string, number, number | null, number];

/**
 * Opens a log in PostgreSQL to read it: beside the gateways that write to it, on a standby, or a copy of one. Nothing is
 * written, and what is appended from now on is not seen. As long as a reader is open, the server keeps old versions of
 * rows: for a long one on a busy log name a standby.
 * @throws LockkeeperError `audit-unreadable`, here and from every method, when there is no audit log; `configuration` for
 *   an address that cannot be one
 */
export async function openPostgresReader(options: PostgresReaderOptions): Promise<LogReader> {
  const endpoint = endpointOf(options);
  const name = `${endpoint.host}:${endpoint.port}/${endpoint.database}, schema ${options.schema}`;
  return new PostgresReader(name, await guarded(name, () => openSession(endpoint, options.schema)));
}

class PostgresReader implements LogReader {
  readonly name: string;
  readonly #client: pg.Client;

  constructor(name: string, client: pg.Client) {
    this.name = name;
    this.#client = client;
  }

  async size(): Promise<number> {
    const [row] = await this.#all("SELECT coalesce(max(idx) + 1, 0) AS size FROM records");
    return Number(row?.["size"]);
  }

  async head(): Promise<StoredCheckpoint | undefined> {
    const rows = await this.#all("SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1");
    return rows.map(checkpoint)[0];
  }

  async *records(from: number, to: number): AsyncGenerator<readonly LogEntry[]> {
    // The server reads a chunk while the one before is looked at.
    let next = this.#chunk(from, to);
    for (let first = from; first < to; first += CHUNK) {
      const chunk = await next;
      next = this.#chunk(first + CHUNK, to);
      next.catch(() => {});
      yield chunk;
    }
    await next;
  }

  async *checkpoints(): AsyncGenerator<readonly StoredCheckpoint[]> {
    let last = -1;
    for (;;) {
      const text = "SELECT size, note FROM checkpoints WHERE size > $1 ORDER BY size LIMIT $2";
      const chunk = (await this.#all(text, [last, CHECKPOINTS])).map(checkpoint);
      if (chunk.length > 0) yield chunk;
      if (chunk.length < CHECKPOINTS) return;
      last = chunk.at(-1)?.size ?? last;
    }
  }

  async nodes(level: number, first: number, count: number): Promise<readonly StoredNode[]> {
    const text = "SELECT idx, hash FROM nodes WHERE level = $1 AND idx >= $2 AND idx < $3 ORDER BY idx";
    const rows = await this.#all(text, [level, first, first + count]);
    return rows.map((row) => ({ index: Number(row["idx"]), hash: bytes(row["hash"]) }));
  }

  async keys(): Promise<readonly string[]> {
    const rows = await this.#all("SELECT vkey FROM keys ORDER BY first_size");
    return [...new Set(rows.map((row) => String(row["vkey"])))];
  }

  async close(): Promise<void> {
    await this.#client.end();
  }

  /** One value with the bytes of many records comes in a fraction of the time that one for each takes. */
  async #chunk(from: number, to: number): Promise<LogEntry[]> {
    if (from >= to) return [];
    const [row] = await this.#all(CHUNK_OF_RECORDS, [from, Math.min(from + CHUNK, to)]);
    const columns = (row?.["columns"] ?? []) as Columns[];
    const bodies = Buffer.from(String(row?.["bodies"] ?? ""));
    const hashes = bytes(row?.["hashes"]);
    let [body, hash] = [0, 0];
    return columns.map(([index, uid, correlation, code, time, length, hashLength]) => {
      const entry = {
        index,
        body: length === null ? null : bodies.subarray(body, body + length),
        leafHash: hashes.subarray(hash, hash + hashLength),
        columns: { uid, correlation, code, time },
      };
      body += length ?? 0;
      hash += hashLength;
      return entry;
    });
  }

  #all(text: string, values: unknown[] = []): Promise<readonly Row[]> {
    return guarded(this.name, async () => (await this.#client.query<Row>(text, values)).rows);
  }
}

async function openSession(endpoint: Endpoint, schema: string): Promise<pg.Client> {
  const client = new pg.Client({ ...clientConfig(endpoint), pipeline: true });
  // A connection that breaks fails the statement that waits for it, or the next one.
  client.on("error", () => {});
  try {
    await client.connect();
    await prepare(client, { schema, role: "reader", ...LIMITS }).catch((error: unknown) => {
      // A copy on another server comes without the roles: invalid_parameter_value.
      if (sqlState(error) !== "22023") throw error;
    });
    await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    const { rows } = await client.query("SELECT 1 WHERE to_regclass('checkpoints') IS NOT NULL");
    if (rows.length === 0) throw new Error("there is none");
    return client;
  } catch (error) {
    client.connection.stream.destroy();
    throw error;
  }
}

async function guarded<T>(name: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    const message = `Cannot read an audit log from ${name}: ${reasonOf(cause)}.`;
    throw new LockkeeperError("audit-unreadable", message, {}, { cause });
  }
}

function checkpoint(row: Row): StoredCheckpoint {
  return { size: Number(row["size"]), note: String(row["note"]) };
}

const CHUNK_OF_RECORDS = `
  SELECT
    json_agg(json_build_array(idx, uid, correlation, code, time, octet_length(body), octet_length(leaf_hash)) ORDER BY idx)
      AS columns,
    string_agg(body, '' ORDER BY idx) AS bodies,
    string_agg(leaf_hash, '' ORDER BY idx) AS hashes
  FROM records WHERE idx >= $1::bigint AND idx < $2::bigint`;
