/** Schema version 1, of Lockkeeper 0.1. A released step is never changed. */
export const version1 = `
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
`;

/**
 * The log is searched stretch after stretch, of 2^11 = 2,048 records each. The newest one is read through; when it is
 * full, the keys of its changes are sorted into `found_by` in one go. So a commit writes into a few pages at the end of
 * the tables only, however large the log is and however its keys are spread.
 */
export const STRETCH_BITS = 11;
export const STRETCH: number = 2 ** STRETCH_BITS;

/** Kinds of records of which a log is full: the row of their change leads to them, and no index has to. */
export const frequentCodes: readonly string[] = [
  "credential.status.denied",
  "credential.status.intent",
  "credential.status.outcome",
];

/** What the indexes of the others hold; a search must say it in the same words. */
export const isRareCode = `code NOT IN (${frequentCodes.map((code) => `'${code}'`).join(", ")})`;

/** Each by its whole key, or all of a stretch would be read for every change. */
const forget = (what: string, column: string) => `DELETE FROM found_by
      WHERE stretch = OLD.first_idx >> ${STRETCH_BITS} AND what = '${what}' AND key = OLD.${column} AND first_idx = OLD.first_idx;`;

/**
 * Schema version 2: the tree and its signed heads, bodies that can be pruned, and search. Small columns come first: a
 * hash is read without the body behind it. What version 1 had is in records_1 and changes_1 until it is copied.
 */
export const version2 = `
  ALTER TABLE records RENAME TO records_1;
  ALTER TABLE changes RENAME TO changes_1;

  CREATE TABLE records (
    idx INTEGER PRIMARY KEY,
    leaf_hash BLOB NOT NULL,
    uid TEXT NOT NULL,
    correlation TEXT NOT NULL,
    code TEXT NOT NULL,
    time INTEGER NOT NULL,
    body TEXT
  ) STRICT;

  CREATE TABLE nodes (
    level INTEGER NOT NULL,
    idx INTEGER NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (level, idx)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE checkpoints (
    size INTEGER PRIMARY KEY,
    note TEXT NOT NULL
  ) STRICT;

  CREATE TABLE keys (
    first_size INTEGER PRIMARY KEY,
    vkey TEXT NOT NULL
  ) STRICT;

  CREATE TABLE changes (
    first_idx INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
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
    outcome_idx INTEGER,
    reconciled_idx INTEGER,
    superseded_id TEXT,
    settled_at INTEGER
  ) STRICT;

  CREATE TABLE spans (
    stretch INTEGER PRIMARY KEY,
    first_time INTEGER NOT NULL,
    last_time INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE found_by (
    stretch INTEGER NOT NULL,
    what TEXT NOT NULL,
    key TEXT NOT NULL,
    first_idx INTEGER NOT NULL,
    PRIMARY KEY (stretch, what, key, first_idx)
  ) STRICT, WITHOUT ROWID;
  CREATE TRIGGER changes_forgotten AFTER DELETE ON changes BEGIN
    ${forget("credential", "credential_id")} ${forget("principal", "principal")} ${forget("user", "user_key")}
  END;

  CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    expires_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
`;

/** Schema version 3: key pairs, whose secret is encrypted and not hashed, and the signatures of requests. */
export const version3 = `
  ALTER TABLE api_keys RENAME TO api_keys_2;
  CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    secret_hash TEXT,
    sealed_secret TEXT,
    sealed_under TEXT,
    principal TEXT NOT NULL,
    principal_json TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER
  ) STRICT, WITHOUT ROWID;
  INSERT INTO api_keys (id, secret_hash, principal, principal_json, created_at, expires_at, revoked_at)
    SELECT id, secret_hash, principal, principal_json, created_at, expires_at, revoked_at FROM api_keys_2;
  DROP TABLE api_keys_2;

  CREATE TABLE signatures (
    digest TEXT PRIMARY KEY,
    change_id TEXT NOT NULL,
    expires_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX signatures_by_expiry ON signatures (expires_at);
`;

/** Made when the rows of version 1 are in. */
export const version2Indexes = `
  CREATE INDEX records_by_correlation ON records (correlation) WHERE ${isRareCode};
  CREATE INDEX records_by_code ON records (code) WHERE ${isRareCode};
  CREATE INDEX changes_by_outcome ON changes (first_idx >> ${STRETCH_BITS}, coalesce(outcome, 'pending'));
`;
