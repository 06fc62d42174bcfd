import { chmodSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { LockkeeperError } from "../../errors.ts";
import type { LogIdentity } from "../log-keys.ts";
import { assertNotEmptied } from "./log-files.ts";
import { type DatabaseOptions, identityOf, migrate } from "./migrations.ts";

/** The first release in which the WAL-reset fault of earlier ones is mended. */
const OLDEST_SQLITE = [3, 51, 3] as const;
/** How long another process's transaction is waited for: a key command beside the running gateway. */
export const BUSY_TIMEOUT_MS = 1500;

export interface OpenDatabase {
  readonly db: DatabaseSync;
  readonly identity: LogIdentity;
}

/**
 * Opens the log's database, creates and migrates it where needed, and makes sure that a commit is on disk when it
 * returns: WAL with `synchronous=FULL`. Asked for and then asserted, since a build can default to NORMAL, which loses
 * acknowledged records on a power cut.
 * @param file path of the database; its folder is created
 * @throws Error when the file cannot be used so, or is another owner's, or another log
 */
export function openDatabase(file: string, options: DatabaseOptions): OpenDatabase {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  assertNotEmptied(file);
  const db = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS });
  try {
    chmodSync(file, 0o600);
    assertVersion(db);
    setDurable(db);
    migrate(db, options);
    return { db, identity: identityOf(db, options) };
  } catch (error) {
    db.close();
    throw error;
  }
}

/**
 * Opens a database that `openDatabase` has opened before. It is never created: a file that has gone took the log with
 * it, and an empty one in its place would let credentials loose that are locked.
 * @throws Error when it cannot be opened, or is not what it was
 */
export function reopenDatabase(file: string, options: DatabaseOptions): OpenDatabase {
  assertNotEmptied(file);
  const url = pathToFileURL(file);
  // https://www.sqlite.org/uri.html: "rw" opens for reading and writing, and does not create.
  url.searchParams.set("mode", "rw");
  const db = new DatabaseSync(url, { timeout: BUSY_TIMEOUT_MS });
  try {
    setDurable(db);
    return { db, identity: identityOf(db, options) };
  } catch (error) {
    db.close();
    throw error;
  }
}

/**
 * Holds the data folder for this process. The lock is one of the operating system on a small database of its own, so
 * it ends with the process however that dies, and the log itself stays readable beside it.
 * @returns gives the lock up
 * @throws LockkeeperError `audit-unavailable` when another gateway holds it
 */
export function lockDataFolder(file: string): () => void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const lockFile = join(dirname(file), "gateway.lock");
  const lock = new DatabaseSync(lockFile, { timeout: 0 });
  try {
    lock.exec("PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE");
  } catch (cause) {
    lock.close();
    throw new LockkeeperError(
      "audit-unavailable",
      `Another Lockkeeper already works on ${dirname(file)} (${lockFile} is locked). Stop it first, or give this one a data folder of its own.`,
      {},
      { cause },
    );
  }
  return () => lock.close();
}

function setDurable(db: DatabaseSync): void {
  // The page size counts for a new database only: a page of 8 KiB holds three records, one of SQLite's 4 KiB a single one.
  db.exec("PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON");
  assertPragma(db, "journal_mode", "wal");
  assertPragma(db, "synchronous", 2);
}

function assertVersion(db: DatabaseSync): void {
  const version = String(db.prepare("SELECT sqlite_version() AS version").get()?.["version"]);
  const parts = version.split(".").map(Number);
  for (const [index, least] of OLDEST_SQLITE.entries()) {
    const part = parts[index] ?? 0;
    if (part > least) return;
    if (part < least) throw new Error(`SQLite ${version} is older than ${OLDEST_SQLITE.join(".")}`);
  }
}

function assertPragma(db: DatabaseSync, name: string, wanted: string | number): void {
  const value = Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0];
  if (value !== wanted) throw new Error(`PRAGMA ${name} is ${String(value)} and not ${wanted}`);
}
