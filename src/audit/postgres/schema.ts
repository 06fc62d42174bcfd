/** Schema version 1. A released step is never changed. Names are found in the session's search path. */
export const version1 = `
  CREATE TABLE settings (
    name text PRIMARY KEY,
    value text NOT NULL
  );

  -- A body of the usual 2 KB is not compressed: that would take as long as all the rest of appending it.
  CREATE TABLE records (
    idx bigint PRIMARY KEY,
    time bigint NOT NULL,
    leaf_hash bytea NOT NULL CHECK (length(leaf_hash) = 32),
    uid text NOT NULL,
    correlation text NOT NULL,
    code text NOT NULL,
    body text
  ) WITH (toast_tuple_target = 8160);
  CREATE INDEX records_by_correlation ON records (correlation, idx);
  CREATE INDEX records_by_code ON records (code, idx);

  CREATE TABLE nodes (
    level smallint NOT NULL,
    idx bigint NOT NULL,
    hash bytea NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (level, idx)
  );

  CREATE TABLE checkpoints (
    size bigint PRIMARY KEY,
    note text NOT NULL
  );

  CREATE TABLE keys (
    first_size bigint PRIMARY KEY,
    vkey text NOT NULL
  );

  -- The one row that an instance locks to append. Room in its page keeps each new version of it there.
  CREATE TABLE head (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    size bigint NOT NULL,
    root bytea NOT NULL CHECK (length(root) = 32),
    checkpoint text,
    vkey text
  ) WITH (fillfactor = 10);
  INSERT INTO head (size, root) VALUES (0, sha256(''));

  CREATE TABLE changes (
    id text PRIMARY KEY,
    principal text NOT NULL,
    account text NOT NULL,
    type text NOT NULL,
    credential_id text NOT NULL,
    user_key text NOT NULL,
    user_name text NOT NULL,
    status text NOT NULL,
    requested_at bigint NOT NULL,
    deadline bigint,
    outcome text,
    first_idx bigint NOT NULL UNIQUE,
    outcome_idx bigint,
    reconciled_idx bigint,
    superseded_id text,
    settled_at bigint
  );
  CREATE INDEX changes_by_user ON changes (user_key, first_idx);
  CREATE INDEX changes_by_credential ON changes (credential_id, first_idx);
  CREATE INDEX changes_by_principal ON changes (principal, first_idx);
  CREATE INDEX changes_by_outcome ON changes (coalesce(outcome, 'pending'), first_idx);

  CREATE TABLE inflight (
    account text NOT NULL,
    type text NOT NULL,
    user_key text NOT NULL,
    credential_id text NOT NULL,
    change_id text NOT NULL UNIQUE,
    deadline bigint NOT NULL,
    PRIMARY KEY (account, type, user_key, credential_id)
  );
  CREATE INDEX inflight_by_deadline ON inflight (deadline);

  CREATE TABLE idempotency (
    principal text NOT NULL,
    key text NOT NULL,
    body_hash text NOT NULL,
    change_id text NOT NULL,
    expires_at bigint NOT NULL,
    PRIMARY KEY (principal, key)
  );
  CREATE INDEX idempotency_by_expiry ON idempotency (expires_at);
  CREATE INDEX idempotency_by_change ON idempotency (change_id);

  CREATE TABLE api_keys (
    id text PRIMARY KEY,
    secret_hash text NOT NULL,
    principal text NOT NULL,
    principal_json text NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    revoked_at bigint
  );
  CREATE INDEX api_keys_by_principal ON api_keys (principal);

  CREATE TABLE spans (
    stretch bigint PRIMARY KEY,
    first_time bigint NOT NULL,
    last_time bigint NOT NULL
  ) WITH (fillfactor = 50);

  CREATE TABLE leases (
    name text PRIMARY KEY,
    holder text NOT NULL,
    expires_at bigint NOT NULL
  );

  -- What is written stays, whoever asks: of a record only its body may go.
  CREATE FUNCTION keep_log() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF TG_TABLE_NAME = 'records' AND TG_OP = 'UPDATE' THEN
      IF NEW.body IS NULL AND to_jsonb(NEW) - 'body' = to_jsonb(OLD) - 'body' THEN
        RETURN NEW;
      END IF;
    END IF;
    RAISE EXCEPTION 'the audit log is only appended to' USING ERRCODE = 'insufficient_privilege';
  END $$;
  CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON records FOR EACH ROW EXECUTE FUNCTION keep_log();
  CREATE TRIGGER keep_all BEFORE TRUNCATE ON records FOR EACH STATEMENT EXECUTE FUNCTION keep_log();
  CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON nodes FOR EACH ROW EXECUTE FUNCTION keep_log();
  CREATE TRIGGER keep_all BEFORE TRUNCATE ON nodes FOR EACH STATEMENT EXECUTE FUNCTION keep_log();
  CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON checkpoints FOR EACH ROW EXECUTE FUNCTION keep_log();
  CREATE TRIGGER keep_all BEFORE TRUNCATE ON checkpoints FOR EACH STATEMENT EXECUTE FUNCTION keep_log();

  -- Fails a transaction whose compare-and-set of the head did not find the head that was locked.
  CREATE FUNCTION assert_moved(moved bigint) RETURNS void LANGUAGE plpgsql AS $$
  BEGIN
    IF moved <> 1 THEN
      RAISE EXCEPTION 'the head of the log is not the one that was locked';
    END IF;
  END $$;
`;

/** Schema version 2: key pairs, whose secret is encrypted and not hashed, and the signatures of requests. */
export const version2 = `
  ALTER TABLE api_keys ALTER COLUMN secret_hash DROP NOT NULL,
    ADD COLUMN sealed_secret text, ADD COLUMN sealed_under text;

  CREATE TABLE signatures (
    digest text PRIMARY KEY,
    change_id text NOT NULL,
    expires_at bigint NOT NULL
  );
  CREATE INDEX signatures_by_expiry ON signatures (expires_at);
`;
