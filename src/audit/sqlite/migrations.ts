import type { DatabaseSync } from "node:sqlite";

/** Forward only: a new step is appended, an old one is never changed. */
const migrations: readonly string[] = [
  `
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
    settled_at INTEGER
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE inflight (
    account TEXT NOT NULL,
    type TEXT NOT NULL,
    credential_id TEXT NOT NULL,
    change_id TEXT NOT NULL UNIQUE,
    deadline INTEGER NOT NULL,
    PRIMARY KEY (account, type, credential_id)
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
 * Brings the database up to date, in one transaction that a second process starting at the same time waits for.
 * @throws Error when the database was written by a newer Lockkeeper
 */
export function migrate(db: DatabaseSync): void {
  db.exec("BEGIN IMMEDIATE");
  try {
    db.exec("CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL) STRICT");
    const row = db.prepare("SELECT coalesce(max(version), 0) AS version FROM migrations").get();
    const done = Number(row?.["version"]);
    if (done > migrations.length) {
      throw new Error(
        `the audit database has schema version ${done}, this Lockkeeper knows ${migrations.length}: start the newer Lockkeeper that wrote it`,
      );
    }
    for (const [index, sql] of migrations.entries()) {
      if (index < done) continue;
      db.exec(sql);
      db.prepare("INSERT INTO migrations (version, applied_at) VALUES (?, datetime('now'))").run(index + 1);
    }
    db.exec("COMMIT");
  } catch (error) {
    db.exec("ROLLBACK");
    throw error;
  }
}
