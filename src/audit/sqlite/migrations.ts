import type { DatabaseSync } from "node:sqlite";
import { assertBegun, identityUnder } from "../lineage.ts";
import { type LogIdentity, type LogKeys, logIdentity } from "../log-keys.ts";
import { growTree } from "./grow-tree.ts";
import { version1, version2, version2Indexes, version3 } from "./schema.ts";

/** Whose log a database is, and who signs it. */
export interface DatabaseOptions {
  /** An AWS account, or `sandbox`: whose changes the log holds. The first one to open a database owns it. */
  readonly owner: string;
  /** The first one to open a database also gives it its origin. */
  readonly keys: LogKeys;
}

/** Forward only: a new step is appended, an old one is never changed. */
const migrations: readonly ((db: DatabaseSync, options: DatabaseOptions) => void)[] = [
  (db, { owner }) => {
    db.exec(version1);
    db.prepare("INSERT INTO settings (name, value) VALUES ('owner', ?)").run(owner);
  },
  (db, { keys }) => {
    db.exec(version2);
    db.prepare("INSERT INTO settings (name, value) VALUES ('origin', ?)").run(keys.origin);
    growTree(db, logIdentity(keys));
    db.exec(version2Indexes);
  },
  (db) => db.exec(version3),
];

/** How long a process waits for another one that brings a large log up to date. */
const PATIENCE_MS = 600_000;

/**
 * Brings the database up to date, in one transaction that a second process starting at the same time waits for. One
 * that is up to date is only read: opening it does not wait for whoever writes to it now.
 * @throws Error when the database was written by another Lockkeeper than this one can read, or belongs to another owner
 */
export function migrate(db: DatabaseSync, options: DatabaseOptions): void {
  if (schemaVersion(db) < migrations.length) {
    const patience = Number(db.prepare("PRAGMA busy_timeout").get()?.["timeout"]);
    db.exec(`PRAGMA busy_timeout = ${PATIENCE_MS}; BEGIN IMMEDIATE`);
    try {
      // Looked at again: another process may have done it while this one waited.
      const done = schemaVersion(db);
      if (done === 0) {
        db.exec("CREATE TABLE migrations (version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL) STRICT");
      } else {
        assertOwner(db, options.owner);
      }
      for (const [index, step] of migrations.entries()) {
        if (index < done) continue;
        step(db, options);
        db.prepare("INSERT INTO migrations (version, applied_at) VALUES (?, datetime('now'))").run(index + 1);
      }
      db.exec("COMMIT");
    } catch (error) {
      if (db.isTransaction) db.exec("ROLLBACK");
      throw error;
    } finally {
      db.exec(`PRAGMA busy_timeout = ${patience}`);
    }
  }
}

/**
 * Who the log in a database is: the one that is configured, or the one that a recovery has opened in its place.
 * @throws Error when the log is another owner's, or another log; LogFault when it was emptied after a recovery
 */
export function identityOf(db: DatabaseSync, { owner, keys }: DatabaseOptions): LogIdentity {
  assertOwner(db, owner);
  const identity = identityUnder(keys, setting(db, "origin"));
  assertBegun(identity, keys, db.prepare("SELECT 1 FROM records WHERE idx = 0").get() !== undefined);
  return identity;
}

function assertOwner(db: DatabaseSync, owner: string): void {
  const found = setting(db, "owner");
  if (found === owner) return;
  const [whose, mine] = [found, owner].map((one) => (one === "sandbox" ? "the sandbox" : `the AWS account ${one}`));
  throw new Error(
    `it belongs to ${whose}, and this Lockkeeper works for ${mine}. Give each a data folder of its own (dataDir)`,
  );
}

function setting(db: DatabaseSync, name: string): string {
  return String(db.prepare("SELECT value FROM settings WHERE name = ?").get(name)?.["value"]);
}

/** @returns 0 for an empty database */
function schemaVersion(db: DatabaseSync): number {
  if (!hasTable(db, "migrations")) return 0;
  const version = Number(db.prepare("SELECT coalesce(max(version), 0) AS version FROM migrations").get()?.["version"]);
  if (version > migrations.length) {
    throw new Error(
      `the audit database has schema version ${version}, this Lockkeeper knows ${migrations.length}: start the newer Lockkeeper that wrote it`,
    );
  }
  if (version > 0 && !hasTable(db, "settings")) {
    throw new Error(
      "it was written by a Lockkeeper from before release 0.1, and cannot be brought up to date. Keep it as it is, and give this one a data folder of its own (dataDir)",
    );
  }
  return version;
}

function hasTable(db: DatabaseSync, name: string): boolean {
  return db.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?").get(name) !== undefined;
}
