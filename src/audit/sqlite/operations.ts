import type { DatabaseSync, SQLOutputValue, StatementSync } from "node:sqlite";
import type { AuditRecord, Begun, ChangeRow, Conclusion, Denial, Finished, Receipt } from "../journal.ts";
import { leafHash } from "../leaf.ts";
import type { Operation, OperationResult } from "../operation.ts";

type Begin = Extract<Operation, { kind: "begin" }>;

/**
 * The operations of the journal as SQL, each to be run inside a transaction that the caller opens and commits.
 * Everything an operation checks it checks before it writes.
 */
export class Operations {
  readonly #sql: Record<keyof typeof statements, StatementSync>;
  #next = 0;

  constructor(db: DatabaseSync) {
    this.#sql = Object.fromEntries(Object.entries(statements).map(([name, sql]) => [name, db.prepare(sql)])) as Record<
      keyof typeof statements,
      StatementSync
    >;
  }

  /** To be called first in each transaction: another process (a key command) may have appended since. */
  start(): number {
    this.#next = Number(this.#sql.nextIndex.get()?.["next"]);
    return this.#next;
  }

  run(operation: Operation): OperationResult {
    switch (operation.kind) {
      case "begin":
        return this.#begin(operation);
      case "finish":
        return this.#finish(operation.id, operation.conclusion);
      case "deny":
        return this.#deny(operation);
      case "note":
        return this.#append(operation.record);
      case "add-api-key": {
        const { key, record, now } = operation;
        if (Number(this.#sql.liveKeys.get(key.principal, now)?.["live"]) >= 2) return "too-many";
        this.#sql.addKey.run(key.id, key.secretHash, key.principal, key.principalJson, key.createdAt, key.expiresAt);
        this.#append(record);
        return "added";
      }
      case "revoke-api-key": {
        if (this.#sql.revokeKey.run(operation.at, operation.id).changes === 0) return false;
        this.#append(operation.record);
        return true;
      }
    }
  }

  #append(record: AuditRecord): Receipt {
    const index = this.#next;
    const hash = leafHash(record.body);
    this.#sql.append.run(index, record.uid, record.correlation, record.body, hash);
    this.#next = index + 1;
    return { index, leafHash: hash };
  }

  #begin({ record, change, idempotency, now, supersedes }: Begin): Begun {
    if (idempotency !== undefined) {
      const claim = this.#sql.claimed.get(change.principal, idempotency.key, now);
      if (claim !== undefined) {
        const id = String(claim["change_id"]);
        return claim["body_hash"] === idempotency.bodyHash ? { kind: "replay", id } : { kind: "conflict", id };
      }
    }
    const holder = this.#sql.holder.get(...placeOf(change));
    if (holder !== undefined) {
      const id = String(holder["change_id"]);
      const deadline = Number(holder["deadline"]);
      // The safe direction is never locked out, but it waits until nothing of the older change can be sent any more.
      const overtakes = change.status === "Inactive" && deadline < now && supersedes?.id === id;
      if (!overtakes) return { kind: "in-flight", id, deadline };
      this.#sql.reconciled.run(this.#append(supersedes.record).index, now, id);
      this.#sql.release.run(id);
    }
    const receipt = this.#append(record);
    this.#insertChange(change, change.deadline, null, receipt.index, null);
    if (holder !== undefined) this.#sql.superseding.run(String(holder["change_id"]), change.id);
    this.#sql.lock.run(...placeOf(change), change.id, change.deadline);
    if (idempotency !== undefined) {
      this.#sql.dropExpiredClaims.run(now);
      this.#sql.claim.run(change.principal, idempotency.key, idempotency.bodyHash, change.id, idempotency.expiresAt);
    }
    return { kind: "started", receipt };
  }

  #finish(id: string, conclusion: Conclusion): Finished {
    const change = this.#sql.state.get(id);
    if (change === undefined) throw new Error(`there is no change ${id} to finish`);
    // Each step once: a repeated outcome, or the second of two read-backs, finds the first one's record. An outcome that
    // comes after a read-back is kept beside it: the log holds what IAM answered, whatever was seen before.
    const earlier = change[conclusion.step === "outcome" ? "outcome_idx" : "reconciled_idx"];
    if (earlier !== null && earlier !== undefined) return this.#finished(Number(earlier), conclusion.record.uid);
    const receipt = this.#append(conclusion.record);
    if (conclusion.step === "outcome") {
      this.#sql.outcome.run(receipt.index, conclusion.outcome ?? null, conclusion.at, id);
    } else {
      this.#sql.reconciled.run(receipt.index, conclusion.at, id);
    }
    if (conclusion.release) this.#sql.release.run(id);
    if (conclusion.freesKey === true) this.#sql.unclaim.run(id);
    if (conclusion.outcome === "failed") this.#reopenSuperseded(change["superseded_id"]);
    return { ...receipt, appended: true };
  }

  /**
   * A change that failed has settled nothing for the one whose place it took, so that one is to be read back after all,
   * unless its own end is known by now or another change holds the credential.
   */
  #reopenSuperseded(id: SQLOutputValue | undefined): void {
    if (id === null || id === undefined) return;
    const change = this.#sql.state.get(id);
    if (change === undefined || change["outcome"] === "applied") return;
    if (change["outcome"] === "failed") this.#reopenSuperseded(change["superseded_id"]);
    else if (this.#sql.reopen.run(id).changes === 1) this.#sql.unreconciled.run(id);
  }

  #deny({ record, change }: Denial): Receipt {
    const receipt = this.#append(record);
    this.#insertChange(change, null, "denied", receipt.index, change.requestedAt);
    return receipt;
  }

  #insertChange(
    change: Denial["change"],
    deadline: number | null,
    outcome: string | null,
    index: number,
    settledAt: number | null,
  ): void {
    this.#sql.change.run(
      change.id,
      change.principal,
      change.account,
      change.type,
      change.credentialId,
      userKey(change.userName),
      change.userName,
      change.status,
      change.requestedAt,
      deadline,
      outcome,
      index,
      settledAt,
    );
  }

  /** A step that was there already; `appended` when it is the very same record, its first answer having been lost. */
  #finished(index: number, uid: string): Finished {
    const row = this.#sql.record.get(index);
    if (row === undefined) throw new Error(`there is no record ${index}`);
    return { index, leafHash: String(row["leaf_hash"]), appended: row["uid"] === uid };
  }
}

/** IAM's user names compare without case (they are ASCII). */
function userKey(userName: string): string {
  return userName.toLowerCase();
}

/**
 * What one change at a time may hold. The user belongs to it: IAM finds a credential by its id within a user, so naming
 * somebody else's id under one's own name must not hold up its owner's change.
 */
function placeOf({ account, type, userName, credentialId }: ChangeRow): [string, string, string, string] {
  return [account, type, userKey(userName), credentialId];
}

const statements = {
  nextIndex: "SELECT coalesce(max(idx) + 1, 0) AS next FROM records",
  append: "INSERT INTO records (idx, uid, correlation, body, leaf_hash) VALUES (?, ?, ?, ?, ?)",
  record: "SELECT uid, leaf_hash FROM records WHERE idx = ?",
  change: `INSERT INTO changes (id, principal, account, type, credential_id, user_key, user_name, status, requested_at,
      deadline, outcome, first_idx, settled_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  state: "SELECT outcome, outcome_idx, reconciled_idx, superseded_id FROM changes WHERE id = ?",
  outcome: "UPDATE changes SET outcome_idx = ?, outcome = ?, settled_at = ? WHERE id = ?",
  reconciled:
    "UPDATE changes SET reconciled_idx = ?, outcome = coalesce(outcome, 'unknown'), settled_at = ? WHERE id = ?",
  holder:
    "SELECT change_id, deadline FROM inflight WHERE account = ? AND type = ? AND user_key = ? AND credential_id = ?",
  lock: "INSERT INTO inflight (account, type, user_key, credential_id, change_id, deadline) VALUES (?, ?, ?, ?, ?, ?)",
  release: "DELETE FROM inflight WHERE change_id = ?",
  superseding: "UPDATE changes SET superseded_id = ? WHERE id = ?",
  reopen: `INSERT INTO inflight (account, type, user_key, credential_id, change_id, deadline)
    SELECT account, type, user_key, credential_id, id, deadline FROM changes WHERE id = ? ON CONFLICT DO NOTHING`,
  unreconciled: "UPDATE changes SET reconciled_idx = NULL WHERE id = ?",
  claimed: "SELECT change_id, body_hash FROM idempotency WHERE principal = ? AND key = ? AND expires_at > ?",
  claim: "INSERT INTO idempotency (principal, key, body_hash, change_id, expires_at) VALUES (?, ?, ?, ?, ?)",
  unclaim: "DELETE FROM idempotency WHERE change_id = ?",
  dropExpiredClaims: "DELETE FROM idempotency WHERE expires_at <= ?",
  liveKeys: "SELECT count(*) AS live FROM api_keys WHERE principal = ? AND revoked_at IS NULL AND expires_at > ?",
  addKey: `INSERT INTO api_keys (id, secret_hash, principal, principal_json, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)`,
  revokeKey: "UPDATE api_keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL",
} as const;
