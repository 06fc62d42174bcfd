import {
  chmodSync,
  closeSync,
  fsyncSync,
  linkSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { LockkeeperError } from "../../errors.ts";
import { GrowingTree } from "../../tlog/growing-tree.ts";
import { LogBatch } from "../log-batch.ts";
import type { LogIdentity, LogKeys } from "../log-keys.ts";
import type { NewLog } from "../recover/carry-over.ts";
import type { RecoverableStore } from "../recover/recover.ts";
import { BUSY_TIMEOUT_MS, lockDataFolder, openDatabase } from "./database.ts";
import { assertNotEmptied } from "./log-files.ts";
import { LogTables } from "./log-tables.ts";
import { sqliteSql } from "./sql.ts";
import { messageOf } from "./sqlite-error.ts";
import { Stretches } from "./stretches.ts";
import { SqliteTables } from "./tables.ts";

export interface SqliteRecoveryOptions {
  /** Path of the database, `data/lockkeeper.db`. */
  readonly file: string;
  /** An AWS account, or `sandbox`. */
  readonly owner: string;
  /** As configured; a log of Lockkeeper 0.1 has none of its own. */
  readonly origin: string;
  /** Milliseconds; what others wait for a lock at most. */
  readonly sleep: (ms: number) => Promise<void>;
}

/**
 * The log in a data folder, to be given up for a new one. Nobody else has the folder or the database meanwhile. What is
 * sealed is one file, `lockkeeper.sealed-<n>.db`, that is read by itself and not written any more.
 * @throws LockkeeperError `audit-unavailable` when a gateway or another command has the log open, or there is none
 */
export function openSqliteRecovery(options: SqliteRecoveryOptions): RecoverableStore & { close(): void } {
  const { file, owner, sleep } = options;
  const folder = dirname(file);
  const unlock = lockDataFolder(file);
  let db: DatabaseSync;
  try {
    db = openAlone(options);
  } catch (error) {
    unlock();
    throw error;
  }
  const sealedFile = (recovery: number) => file.replace(/(\.db)?$/, `.sealed-${recovery}$1`);
  return {
    sql: sqliteSql(db),
    placeOf: sealedFile,
    async sealedBefore() {
      const name = basename(sealedFile(0)).split("0");
      return readdirSync(folder).flatMap((entry) => {
        const [start = "", end = ""] = name;
        const number = entry.startsWith(start) && entry.endsWith(end) ? entry.slice(start.length, -end.length) : "";
        if (!/^[1-9][0-9]{0,5}$/.test(number)) return [];
        // A second name of the log that is still in place: its recovery was interrupted.
        if (isSame(join(folder, entry), file)) {
          rmSync(join(folder, entry));
          return [];
        }
        return [Number(number)];
      });
    },
    async replace(recovery, keys, fill) {
      const made = file.replace(/(\.db)?$/, ".recovering$1");
      for (const end of ["", "-wal", "-shm", "-journal"]) rmSync(made + end, { force: true });
      await makeLog(made, owner, keys, fill);
      const sealed = sealedFile(recovery);
      // Under both names for a moment, so that there is never none.
      linkSync(file, sealed);
      sync(folder);
      renameSync(made, file);
      sync(folder);
      chmodSync(sealed, 0o400);
      // Whoever has opened the sealed file under its old name waits for it no longer than that.
      await sleep(BUSY_TIMEOUT_MS + 500);
    },
    close() {
      db.close();
      unlock();
    },
  };
}

/** Folds the write-ahead log into the database and locks it: what is renamed must be all of it. */
function openAlone({ file, owner, origin }: SqliteRecoveryOptions): DatabaseSync {
  const url = pathToFileURL(file);
  url.searchParams.set("mode", "rw");
  let db: DatabaseSync | undefined;
  try {
    assertNotEmptied(file);
    if (statSync(file, { throwIfNoEntry: false }) === undefined) throw new Error("it is not there");
    db = new DatabaseSync(url, { timeout: BUSY_TIMEOUT_MS });
    const found = db.prepare("SELECT value FROM settings WHERE name = 'owner'").get()?.["value"];
    if (found !== owner) throw new Error(`it belongs to ${String(found)}, and this Lockkeeper works for ${owner}`);
    const mode = db.prepare("PRAGMA journal_mode = DELETE").get()?.["journal_mode"];
    if (mode !== "delete") throw new Error("another process has it open: end that first");
    showAsPresent(db, origin);
    db.exec("BEGIN EXCLUSIVE");
    return db;
  } catch (cause) {
    db?.close();
    throw new LockkeeperError(
      "audit-unavailable",
      `The audit database ${file} cannot be recovered: ${messageOf(cause)}. If SQLite cannot read it, put it aside and the newest copy that can be read in its place.`,
      {},
      { cause },
    );
  }
}

/**
 * Lets a log of schema version 1, which had neither a tree nor a name, and one before version 3, which had no signatures,
 * look like one of the present. Writes nothing.
 */
function showAsPresent(db: DatabaseSync, origin: string): void {
  const hasTable = db.prepare("SELECT 1 FROM main.sqlite_master WHERE type = 'table' AND name = ?");
  if (hasTable.get("signatures") === undefined) {
    db.exec("CREATE TEMP TABLE signatures (digest TEXT, change_id TEXT, expires_at INTEGER)");
  }
  if (hasTable.get("checkpoints") !== undefined) return;
  const field = (path: string) => `CASE WHEN json_valid(body) THEN json_extract(body, '${path}') END`;
  db.exec(`
    CREATE TEMP TABLE checkpoints (size INTEGER PRIMARY KEY, note TEXT NOT NULL);
    CREATE TEMP VIEW records AS SELECT idx, uid, correlation, body, unhex(leaf_hash) AS leaf_hash,
      coalesce(${field("$.metadata.event_code")}, '') AS code, coalesce(${field("$.time")}, 0) AS time FROM main.records;
    CREATE TEMP TABLE settings AS SELECT name, value FROM main.settings;
  `);
  db.prepare("INSERT INTO temp.settings (name, value) VALUES ('origin', ?)").run(origin);
}

async function makeLog(file: string, owner: string, keys: LogKeys, fill: (log: NewLog) => Promise<void>) {
  const { db, identity } = openDatabase(file, { owner, keys });
  try {
    db.exec("BEGIN IMMEDIATE");
    await fill(newLog(db, identity));
    db.exec("COMMIT");
    // One file, complete in itself.
    db.exec("PRAGMA journal_mode = DELETE");
  } finally {
    db.close();
  }
  sync(file);
}

function newLog(db: DatabaseSync, identity: LogIdentity): NewLog {
  const stretches = new Stretches(db);
  const log = new LogTables(db, stretches);
  const tables = new SqliteTables(db, stretches);
  const tree = GrowingTree.load(0, () => []);
  return {
    async append(records) {
      const batch = new LogBatch(tree, identity);
      for (const record of records) batch.append(record);
      const sealed = batch.seal();
      if (sealed === undefined) return;
      for (const row of sealed.rows) log.addRecord(row);
      log.addNodes(sealed.nodes);
      log.addHead(sealed.head, identity.signer.verifier);
      tree.mark();
      stretches.flush();
    },
    async write(what) {
      what(tables);
      stretches.flush();
    },
  };
}

function isSame(one: string, other: string): boolean {
  const [a, b] = [one, other].map((file) => statSync(file, { bigint: true }));
  return a?.ino === b?.ino && a?.dev === b?.dev;
}

function sync(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
