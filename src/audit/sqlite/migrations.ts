import type { DatabaseSync } from "node:sqlite";

/** Forward only: a new step is appended, an old one is never changed. */
const migrations: readonly string[] = [
  `
  CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE records (
    idx INTEGER PRIMARY KEY,
    uid TEXT NOT NULL,
    correlation TEXT NOT NULL,
    body TEXT NOT NULL,
    leaf_hash TEXT NOT NULL
  ) STRICT;

  CREATE TABLE changes (
    id TEXT PRIMARY KEY,
    principal TEXT NOT NULL,
    account TEXT NOT NULL,
    type TEXT NOT NULL,
    credential_id TEXT NOT NULL,
    user_key TEXT NOT NULL,
    user_name TEXT NOT NULL,
    status TEXT NOT NULL,
    requested_at INTEGER NOT NULL,
    deadline INTEGER,
    outcome TEXT,
    first_idx INTEGER NOT NULL,
    outcome_idx INTEGER,
    reconciled_idx INTEGER,
    superseded_id TEXT,
    settled_at INTEGER
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE inflight (
    account TEXT NOT NULL,
    type TEXT NOT NULL,
    user_key TEXT NOT NULL,
    credential_id TEXT NOT NULL,
    change_id TEXT NOT NULL UNIQUE,
    deadline INTEGER NOT NULL,
    PRIMARY KEY (account, type, user_key, credential_id)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE idempotency (
    principal TEXT NOT NULL,
    key TEXT NOT NULL,
    body_hash TEXT NOT NULL,
    change_id TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (principal, key)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX idempotency_by_expiry ON idempotency (expires_at);
  CREATE INDEX idempotency_by_change ON idempotency (change_id);

  CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    secret_hash TEXT NOT NULL,
    principal TEXT NOT NULL,
    principal_json TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER
  ) STRICT, WITHOUT ROWID;
  `,
];

/**
 * Brings the database up to date, in one transaction that a second process starting at the same time waits for. One
 * that is up to date is only read: opening it does not wait for whoever writes to it now.
 * @param owner whose log a new database is to be; see `ownerOf`
 * @throws Error when the database was written by a newer Lockkeeper
 */
export function migrate(db: DatabaseSync, owner: string): void {
  if (schemaVersion(db) === migrations.length) return;
  db.exec("BEGIN IMMEDIATE");
  try {
    // Looked at again: another process may have done it while this one waited.
    const done = schemaVersion(db);
    if (done === 0) {
      db.exec("CREATE TABLE migrations (version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL) STRICT");
    }
    for (const [index, sql] of migrations.entries()) {
      if (index < done) continue;
      db.exec(sql);
      db.prepare("INSERT INTO migrations (version, applied_at) VALUES (?, datetime('now'))").run(index + 1);
    }
    if (done === 0) db.prepare("INSERT INTO settings (name, value) VALUES ('owner', ?)").run(owner);
    db.exec("COMMIT");
  } catch (error) {
    if (db.isTransaction) db.exec("ROLLBACK");
    throw error;
  }
}

/** Whose log this is: an AWS account, or `sandbox`. */
export function ownerOf(db: DatabaseSync): string {
  return String(db.prepare("SELECT value FROM settings WHERE name = 'owner'").get()?.["value"]);
}

/** @returns 0 for an empty database */
function schemaVersion(db: DatabaseSync): number {
  const table = db.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'migrations'").get();
  if (table === undefined) return 0;
  const version = Number(db.prepare("SELECT coalesce(max(version), 0) AS version FROM migrations").get()?.["version"]);
  if (version > migrations.length) {
    throw new Error(
      `the audit database has schema version ${version}, this Lockkeeper knows ${migrations.length}: start the newer Lockkeeper that wrote it`,
    );
  }
  return version;
}
