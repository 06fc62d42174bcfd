// What the writer says to the tables, planned once in each session. Every one of them looks rows up by their keys.

export const append = {
  name: "append",
  text: `
    WITH appended AS (
      INSERT INTO records (idx, time, leaf_hash, uid, correlation, code, body)
      SELECT $1::bigint + n - 1, time, leaf_hash, uid, correlation, code, body
      FROM unnest($2::bigint[], $3::bytea[], $4::text[], $5::text[], $6::text[], $7::text[]) WITH ORDINALITY
        AS r (time, leaf_hash, uid, correlation, code, body, n)
    ), signed AS (
      INSERT INTO checkpoints (size, note) VALUES ($8::bigint, $9::text)
    ), moved AS (
      UPDATE head SET size = $8::bigint, root = $10::bytea, checkpoint = $9::text, vkey = $12::text
      WHERE size = $1::bigint AND root = $11::bytea RETURNING 1
    )
    SELECT assert_moved(count(*)) FROM moved`,
} as const;

export const addNodes = {
  name: "add-nodes",
  text: "INSERT INTO nodes (level, idx, hash) SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[])",
} as const;

export const addKey = { name: "add-key", text: "INSERT INTO keys (first_size, vkey) VALUES ($1, $2)" } as const;

export const addChanges = {
  name: "add-changes",
  text: `
    INSERT INTO changes (id, principal, account, type, credential_id, user_key, user_name, status, requested_at, deadline,
      outcome, first_idx, outcome_idx, reconciled_idx, superseded_id, settled_at)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
      $9::bigint[], $10::bigint[], $11::text[], $12::bigint[], $13::bigint[], $14::bigint[], $15::text[], $16::bigint[])`,
} as const;

export const setChanges = {
  name: "set-changes",
  text: `
    UPDATE changes SET outcome = n.outcome, outcome_idx = n.outcome_idx, reconciled_idx = n.reconciled_idx,
      superseded_id = n.superseded_id, settled_at = n.settled_at
    FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[])
      AS n (id, outcome, outcome_idx, reconciled_idx, superseded_id, settled_at)
    WHERE changes.id = n.id`,
} as const;

export const dropHolders = {
  name: "drop-holders",
  text: `
    DELETE FROM inflight USING unnest($1::text[], $2::text[], $3::text[], $4::text[])
      AS p (account, type, user_key, credential_id)
    WHERE inflight.account = p.account AND inflight.type = p.type AND inflight.user_key = p.user_key
      AND inflight.credential_id = p.credential_id`,
} as const;

export const addHolders = {
  name: "add-holders",
  text: `
    INSERT INTO inflight (account, type, user_key, credential_id, change_id, deadline)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[])`,
} as const;

export const dropExpired = {
  name: "drop-expired",
  text: "DELETE FROM idempotency WHERE expires_at <= $1::bigint",
} as const;

export const dropClaims = {
  name: "drop-claims",
  text: `
    DELETE FROM idempotency USING unnest($1::text[], $2::text[]) AS c (principal, key)
    WHERE idempotency.principal = c.principal AND idempotency.key = c.key`,
} as const;

export const putClaims = {
  name: "put-claims",
  text: `
    INSERT INTO idempotency (principal, key, body_hash, change_id, expires_at)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[])
    ON CONFLICT (principal, key) DO UPDATE
    SET body_hash = excluded.body_hash, change_id = excluded.change_id, expires_at = excluded.expires_at`,
} as const;

export const dropExpiredSignatures = {
  name: "drop-expired-signatures",
  text: "DELETE FROM signatures WHERE expires_at <= $1::bigint",
} as const;

export const putSignatures = {
  name: "put-signatures",
  text: `
    INSERT INTO signatures (digest, change_id, expires_at)
    SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])
    ON CONFLICT (digest) DO UPDATE SET change_id = excluded.change_id, expires_at = excluded.expires_at`,
} as const;

export const addApiKeys = {
  name: "add-api-keys",
  text: `
    INSERT INTO api_keys (id, secret_hash, sealed_secret, sealed_under, principal, principal_json, created_at, expires_at,
      revoked_at)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[],
      $8::bigint[], $9::bigint[])`,
} as const;

export const setApiKeys = {
  name: "set-api-keys",
  text: `
    UPDATE api_keys SET sealed_secret = n.sealed_secret, sealed_under = n.sealed_under, revoked_at = n.revoked_at
    FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) AS n (id, sealed_secret, sealed_under, revoked_at)
    WHERE api_keys.id = n.id`,
} as const;

export const putLeases = {
  name: "put-leases",
  text: `
    INSERT INTO leases (name, holder, expires_at) SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at`,
} as const;

export const dropLeases = {
  name: "drop-leases",
  text: "DELETE FROM leases WHERE name = ANY ($1::text[])",
} as const;

export const extendSpans = {
  name: "extend-spans",
  text: `
    INSERT INTO spans (stretch, first_time, last_time)
    SELECT stretch, min(time), max(time) FROM unnest($1::bigint[], $2::bigint[]) AS t (stretch, time) GROUP BY stretch
    ON CONFLICT (stretch) DO UPDATE
    SET first_time = least(spans.first_time, excluded.first_time), last_time = greatest(spans.last_time, excluded.last_time)
    WHERE excluded.first_time < spans.first_time OR excluded.last_time > spans.last_time`,
} as const;
