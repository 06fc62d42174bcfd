import type { DatabaseSync, SQLOutputValue } from "node:sqlite";
import type { CredentialType, Status } from "../../changes/credential.ts";
import type { OverdueChange, StoredApiKey, StoredRecord } from "../journal.ts";
import type { Query, QueryResult } from "../operation.ts";

type Row = Record<string, SQLOutputValue>;

/** Answers a question about the log from its database. */
export function answer(db: DatabaseSync, query: Query): QueryResult {
  switch (query.kind) {
    case "claimed": {
      const row = db
        .prepare("SELECT change_id, body_hash FROM idempotency WHERE principal = ? AND key = ? AND expires_at > ?")
        .get(query.principal, query.key, query.now);
      return row && { id: String(row["change_id"]), bodyHash: String(row["body_hash"]) };
    }
    case "records-of":
      return recordsOf(db, query.changeId);
    case "overdue":
      return db
        .prepare(
          `SELECT changes.* FROM inflight JOIN changes ON changes.id = inflight.change_id
           WHERE inflight.deadline < ? ORDER BY inflight.deadline LIMIT 100`,
        )
        .all(query.before)
        .map((row) => overdueChange(row, recordsOf(db, String(row["id"]))));
    case "api-keys":
      return db.prepare("SELECT * FROM api_keys ORDER BY created_at, id").all().map(apiKey);
  }
}

function recordsOf(db: DatabaseSync, changeId: string): StoredRecord[] {
  return db
    .prepare(
      `SELECT idx, body, leaf_hash FROM records, changes
       WHERE changes.id = ? AND idx IN (first_idx, outcome_idx, reconciled_idx) ORDER BY idx`,
    )
    .all(changeId)
    .map((row) => ({ index: Number(row["idx"]), body: String(row["body"]), leafHash: String(row["leaf_hash"]) }));
}

function overdueChange(row: Row, records: readonly StoredRecord[]): OverdueChange {
  return {
    id: String(row["id"]),
    principal: String(row["principal"]),
    account: String(row["account"]),
    type: String(row["type"]) as CredentialType,
    credentialId: String(row["credential_id"]),
    userName: String(row["user_name"]),
    status: String(row["status"]) as Status,
    requestedAt: Number(row["requested_at"]),
    deadline: Number(row["deadline"]),
    records,
  };
}

function apiKey(row: Row): StoredApiKey {
  return {
    id: String(row["id"]),
    secretHash: String(row["secret_hash"]),
    principal: String(row["principal"]),
    principalJson: String(row["principal_json"]),
    createdAt: Number(row["created_at"]),
    expiresAt: Number(row["expires_at"]),
    revokedAt: row["revoked_at"] === null ? null : Number(row["revoked_at"]),
  };
}
