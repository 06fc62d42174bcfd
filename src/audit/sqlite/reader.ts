import { statSync } from "node:fs";
import { DatabaseSync, type SQLOutputValue, type StatementSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { LockkeeperError } from "../../errors.ts";
import type { LogEntry, LogReader, StoredCheckpoint, StoredNode } from "../log-reader.ts";
import { BUSY_TIMEOUT_MS } from "./database.ts";
import { assertNotEmptied } from "./log-files.ts";
import { codeOf, messageOf, SQLITE_BUSY } from "./sqlite-error.ts";

/** Records that are read at once; each has up to 64 KiB. */
const CHUNK = 512;
const CHECKPOINTS = 256;

/**
 * Opens a log in a SQLite file to read it: beside the gateway that writes to it, or a copy of one. Nothing is written,
 * and what is appended from now on is not seen. The file's write-ahead log grows as long as the reader is open.
 * @param file path of the database, `data/lockkeeper.db`
 * @throws LockkeeperError `audit-unreadable`, here and from every method, when the file is no audit log
 */
export function openSqliteReader(file: string): LogReader {
  return guarded(file, () => new SqliteReader(file));
}

class SqliteReader implements LogReader {
  readonly name: string;
  readonly #db: DatabaseSync;
  readonly #columns: StatementSync;
  readonly #bytes: StatementSync;

  constructor(file: string) {
    this.name = file;
    this.#db = open(file);
    try {
      // A read transaction: all that follows sees the log of this moment.
      this.#db.exec("BEGIN; SELECT 1 FROM sqlite_master");
      if (this.#db.prepare("SELECT 1 FROM sqlite_master WHERE name = 'checkpoints'").get() === undefined) {
        throw new Error(
          "it has no signed heads. If it is a copy: lockkeeper.db alone is not the log, its write-ahead log (-wal) belongs to it (docs/audit-maintenance.md, Backups). A log of Lockkeeper 0.1 gets them when a newer one is started on it",
        );
      }
      this.#columns = this.#db.prepare(statements.columns);
      this.#columns.setReturnArrays(true);
      this.#bytes = this.#db.prepare(statements.bytes);
      this.#bytes.setReturnArrays(true);
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  async size(): Promise<number> {
    return guarded(this.name, () => Number(this.#db.prepare(statements.size).get()?.["size"]));
  }

  async head(): Promise<StoredCheckpoint | undefined> {
    return guarded(this.name, () => this.#db.prepare(statements.head).all().map(checkpoint)[0]);
  }

  async *records(from: number, to: number): AsyncGenerator<readonly LogEntry[]> {
    for (let first = from; first < to; first += CHUNK) {
      yield guarded(this.name, () => this.#chunk(first, Math.min(first + CHUNK, to)));
    }
  }

  async *checkpoints(): AsyncGenerator<readonly StoredCheckpoint[]> {
    const after = this.#db.prepare(statements.checkpoints);
    let last = -1;
    for (;;) {
      const chunk = guarded(this.name, () => after.all(last, CHECKPOINTS).map(checkpoint));
      if (chunk.length > 0) yield chunk;
      if (chunk.length < CHECKPOINTS) return;
      last = chunk.at(-1)?.size ?? last;
    }
  }

  async nodes(level: number, first: number, count: number): Promise<readonly StoredNode[]> {
    const rows = guarded(this.name, () => this.#db.prepare(statements.nodes).all(level, first, first + count));
    return rows.map((row) => ({ index: Number(row["idx"]), hash: buffer(row["hash"]) }));
  }

  async keys(): Promise<readonly string[]> {
    const rows = guarded(this.name, () => this.#db.prepare(statements.keys).all());
    return [...new Set(rows.map((row) => String(row["vkey"])))];
  }

  async close(): Promise<void> {
    this.#db.close();
  }

  /** One buffer with the bytes of many records is read in half the time that one for each takes. */
  #chunk(from: number, to: number): LogEntry[] {
    const columns = this.#columns.all(from, to) as unknown as SQLOutputValue[][];
    const [bodies, hashes] = ((this.#bytes.get(from, to) ?? []) as unknown as SQLOutputValue[]).map(buffer);
    if (bodies === undefined || hashes === undefined) return [];
    let [body, hash] = [0, 0];
    return columns.map(([index, uid, correlation, code, time, length, hashLength]) => {
      const entry = {
        index: Number(index),
        body: length === null ? null : bodies.subarray(body, body + Number(length)),
        leafHash: hashes.subarray(hash, hash + Number(hashLength)),
        columns: { uid: String(uid), correlation: String(correlation), code: String(code), time: Number(time) },
      };
      body += Number(length);
      hash += Number(hashLength);
      return entry;
    });
  }
}

/**
 * A database that was left in order has no write-ahead log, and in a folder that cannot be written none can be made, which
 * SQLite needs even to read; then the file itself is all there is (https://www.sqlite.org/wal.html#readonly).
 */
function open(file: string): DatabaseSync {
  assertNotEmptied(file);
  const url = pathToFileURL(file);
  url.searchParams.set("mode", "ro");
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(url, { timeout: BUSY_TIMEOUT_MS });
    db.prepare("SELECT 1 FROM sqlite_master").get();
    return db;
  } catch (error) {
    db?.close();
    // Somebody writes to it: it must not be read as one that nobody writes to.
    if (codeOf(error) === SQLITE_BUSY) throw error;
    const hasLog = (statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0;
    if (statSync(file, { throwIfNoEntry: false }) === undefined) throw new Error("there is no such file");
    if (hasLog) throw error;
    url.searchParams.set("immutable", "1");
    return new DatabaseSync(url);
  }
}

const BUSY = "another process has it locked, as a recovery does. Try again when that has ended";

function checkpoint(row: Record<string, SQLOutputValue>): StoredCheckpoint {
  return { size: Number(row["size"]), note: String(row["note"]) };
}

function buffer(value: SQLOutputValue | undefined): Buffer {
  return value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : Buffer.alloc(0);
}

function guarded<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const why = codeOf(cause) === SQLITE_BUSY ? BUSY : messageOf(cause);
    throw new LockkeeperError("audit-unreadable", `Cannot read an audit log from ${file}: ${why}.`, {}, { cause });
  }
}

const statements = {
  size: "SELECT coalesce(max(idx) + 1, 0) AS size FROM records",
  head: "SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1",
  columns: `SELECT idx, uid, correlation, code, time, octet_length(body), octet_length(leaf_hash) FROM records
    WHERE idx >= ? AND idx < ? ORDER BY idx`,
  // In the order of the rows that it is given. The bytes are those in the file, also where they are not UTF-8.
  bytes: `SELECT CAST(group_concat(body, '') AS BLOB), CAST(group_concat(leaf_hash, '') AS BLOB)
    FROM (SELECT body, leaf_hash FROM records WHERE idx >= ? AND idx < ? ORDER BY idx)`,
  checkpoints: "SELECT size, note FROM checkpoints WHERE size > ? ORDER BY size LIMIT ?",
  nodes: "SELECT idx, hash FROM nodes WHERE level = ? AND idx >= ? AND idx < ? ORDER BY idx",
  keys: "SELECT vkey FROM keys ORDER BY first_size",
} as const;
