import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { OutcomeName } from "../../changes/outcome.ts";
import {
  type IdempotencyClaim,
  isAwsKey,
  type ResealedAwsKey,
  type SignatureClaim,
  type StoredKey,
} from "../journal.ts";
import { numberOrNull, textOrNull } from "../sql.ts";
import type { ChangeProgress, NewChange, Place, Tables } from "../tables.ts";
import { prepareAll } from "./prepared.ts";
import { STRETCH_BITS } from "./schema.ts";
import type { Stretches } from "./stretches.ts";

/** The tables beside the log as prepared statements; each answers at once, from within the caller's transaction. */
export class SqliteTables implements Tables {
  readonly #sql: Record<keyof typeof statements, StatementSync>;
  readonly #stretches: Pick<Stretches, "addChange">;

  constructor(db: DatabaseSync, stretches: Pick<Stretches, "addChange">) {
    this.#sql = prepareAll(db, statements);
    this.#stretches = stretches;
  }

  claim(principal: string, key: string, now: number) {
    const row = this.#sql.claim.get(principal, key, now);
    return row && { changeId: String(row["change_id"]), bodyHash: String(row["body_hash"]) };
  }

  addClaim(principal: string, { key, bodyHash, expiresAt }: IdempotencyClaim, changeId: string): void {
    this.#sql.addClaim.run(principal, key, bodyHash, changeId, expiresAt);
  }

  dropClaimsOf(changeId: string): void {
    this.#sql.dropClaimsOf.run(changeId);
  }

  dropExpiredClaims(now: number): void {
    this.#sql.dropExpiredClaims.run(now);
  }

  signature(digest: string, now: number) {
    const row = this.#sql.signature.get(digest, now);
    if (row === undefined) return undefined;
    const changeId = String(row["change_id"]);
    // Of a change that has gone nothing can be told, as little as of one that others came after.
    return { changeId, later: row["first_idx"] === null || this.#sql.laterChange.get(changeId) !== undefined };
  }

  addSignature({ digest, expiresAt }: SignatureClaim, changeId: string): void {
    this.#sql.addSignature.run(digest, changeId, expiresAt);
  }

  dropExpiredSignatures(now: number): void {
    this.#sql.dropExpiredSignatures.run(now);
  }

  holder(place: Place) {
    const row = this.#sql.holder.get(...columnsOf(place));
    return row && { changeId: String(row["change_id"]), deadline: Number(row["deadline"]) };
  }

  hold(place: Place, changeId: string, deadline: number): void {
    this.#sql.hold.run(...columnsOf(place), changeId, deadline);
  }

  release(changeId: string): void {
    this.#sql.release.run(changeId);
  }

  holdAgain(changeId: string): boolean {
    return this.#sql.holdAgain.run(changeId).changes === 1;
  }

  change(id: string): ChangeProgress | undefined {
    const row = this.#sql.change.get(id);
    return (
      row && {
        outcome: textOrNull(row["outcome"]) as ChangeProgress["outcome"],
        outcomeIndex: numberOrNull(row["outcome_idx"]),
        reconciledIndex: numberOrNull(row["reconciled_idx"]),
        supersededId: textOrNull(row["superseded_id"]),
      }
    );
  }

  addChange({ change, deadline, outcome, firstIndex, settledAt }: NewChange): void {
    const { id, principal, account, type, credentialId, userName, status, requestedAt } = change;
    const names = [id, principal, account, type, credentialId, userKey(userName), userName, status] as const;
    this.#sql.addChange.run(firstIndex, ...names, requestedAt, deadline, outcome, settledAt);
    this.#stretches.addChange(firstIndex, requestedAt);
  }

  setOutcome(id: string, index: number, outcome: OutcomeName | null, at: number): void {
    this.#sql.setOutcome.run(index, outcome, at, id);
  }

  setReconciled(id: string, index: number, at: number): void {
    this.#sql.setReconciled.run(index, at, id);
  }

  clearReconciled(id: string): void {
    this.#sql.clearReconciled.run(id);
  }

  setSuperseded(id: string, supersededId: string): void {
    this.#sql.setSuperseded.run(supersededId, id);
  }

  record(index: number) {
    const row = this.#sql.record.get(index);
    return row && { uid: String(row["uid"]), leafHash: String(row["hash"]) };
  }

  liveKeysLike(key: StoredKey, now: number): number {
    const sql = isAwsKey(key) ? this.#sql.liveAwsKeys : this.#sql.liveApiKeys;
    return Number(sql.get(key.principal, now)?.["live"]);
  }

  addApiKey(key: StoredKey): void {
    const { id, principal, principalJson, createdAt, expiresAt } = key;
    const secret = isAwsKey(key) ? [null, key.sealedSecret, key.sealedUnder] : [key.secretHash, null, null];
    this.#sql.addApiKey.run(id, ...secret, principal, principalJson, createdAt, expiresAt);
  }

  revokeApiKey(id: string, at: number): boolean {
    return this.#sql.revokeApiKey.run(at, id).changes === 1;
  }

  resealAwsKey({ id, replaces, sealedSecret, sealedUnder }: ResealedAwsKey): boolean {
    return this.#sql.resealAwsKey.run(sealedSecret, sealedUnder, id, replaces).changes === 1;
  }

  lease(name: string, holder: string, now: number, expiresAt: number): boolean {
    return this.#sql.lease.run(name, holder, expiresAt, now).changes === 1;
  }

  dropLease(name: string, holder: string): void {
    this.#sql.dropLease.run(name, holder);
  }
}

/** IAM's user names compare without case (they are ASCII). */
export function userKey(userName: string): string {
  return userName.toLowerCase();
}

/**
 * What one change at a time may hold. The user belongs to it: IAM finds a credential by its id within a user, so naming
 * somebody else's id under one's own name must not hold up its owner's change.
 */
function columnsOf({ account, type, userName, credentialId }: Place): [string, string, string, string] {
  return [account, type, userKey(userName), credentialId];
}

const isLater = `later.credential_id = signed.credential_id AND later.account = signed.account AND later.type = signed.type
  AND later.user_key = signed.user_key AND later.outcome IS NOT 'denied'`;

const liveKeys = (form: string) =>
  `SELECT count(*) AS live FROM api_keys WHERE principal = ? AND ${form} AND revoked_at IS NULL AND expires_at > ?`;

const statements = {
  claim: "SELECT change_id, body_hash FROM idempotency WHERE principal = ? AND key = ? AND expires_at > ?",
  addClaim: "INSERT INTO idempotency (principal, key, body_hash, change_id, expires_at) VALUES (?, ?, ?, ?, ?)",
  dropClaimsOf: "DELETE FROM idempotency WHERE change_id = ?",
  dropExpiredClaims: "DELETE FROM idempotency WHERE expires_at <= ?",
  signature: `SELECT change_id, first_idx FROM signatures LEFT JOIN changes ON changes.id = change_id
    WHERE digest = ? AND signatures.expires_at > ?`,
  // The newest stretch of the log is read through; in the full ones the credential's changes are found by its id.
  laterChange: `WITH signed AS (SELECT * FROM changes WHERE id = ?), newest (first_idx) AS (
      SELECT coalesce(max(idx) + 1, 0) >> ${STRETCH_BITS} << ${STRETCH_BITS} FROM records)
    SELECT 1 FROM signed, newest, changes AS later
    WHERE later.first_idx >= max(newest.first_idx, signed.first_idx + 1) AND ${isLater}
    UNION ALL
    SELECT 1 FROM signed CROSS JOIN spans CROSS JOIN found_by CROSS JOIN changes AS later
    WHERE spans.stretch >= signed.first_idx >> ${STRETCH_BITS}
      AND found_by.stretch = spans.stretch AND what = 'credential' AND key = signed.credential_id
      AND found_by.first_idx > signed.first_idx AND later.first_idx = found_by.first_idx AND ${isLater}
    LIMIT 1`,
  addSignature: "INSERT INTO signatures (digest, change_id, expires_at) VALUES (?, ?, ?)",
  dropExpiredSignatures: "DELETE FROM signatures WHERE expires_at <= ?",
  holder:
    "SELECT change_id, deadline FROM inflight WHERE account = ? AND type = ? AND user_key = ? AND credential_id = ?",
  hold: "INSERT INTO inflight (account, type, user_key, credential_id, change_id, deadline) VALUES (?, ?, ?, ?, ?, ?)",
  release: "DELETE FROM inflight WHERE change_id = ?",
  holdAgain: `INSERT INTO inflight (account, type, user_key, credential_id, change_id, deadline)
    SELECT account, type, user_key, credential_id, id, deadline FROM changes WHERE id = ? ON CONFLICT DO NOTHING`,
  change: "SELECT outcome, outcome_idx, reconciled_idx, superseded_id FROM changes WHERE id = ?",
  addChange: `INSERT INTO changes (first_idx, id, principal, account, type, credential_id, user_key, user_name, status,
    requested_at, deadline, outcome, settled_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  setOutcome: "UPDATE changes SET outcome_idx = ?, outcome = ?, settled_at = ? WHERE id = ?",
  setReconciled:
    "UPDATE changes SET reconciled_idx = ?, outcome = coalesce(outcome, 'unknown'), settled_at = ? WHERE id = ?",
  clearReconciled: "UPDATE changes SET reconciled_idx = NULL WHERE id = ?",
  setSuperseded: "UPDATE changes SET superseded_id = ? WHERE id = ?",
  record: "SELECT uid, lower(hex(leaf_hash)) AS hash FROM records WHERE idx = ?",
  liveApiKeys: liveKeys("sealed_secret IS NULL"),
  liveAwsKeys: liveKeys("sealed_secret IS NOT NULL"),
  addApiKey: `INSERT INTO api_keys (id, secret_hash, sealed_secret, sealed_under, principal, principal_json, created_at,
    expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  revokeApiKey: `UPDATE api_keys SET revoked_at = ?, sealed_secret = CASE WHEN sealed_secret IS NOT NULL THEN '' END
    WHERE id = ? AND revoked_at IS NULL`,
  resealAwsKey: `UPDATE api_keys SET sealed_secret = ?, sealed_under = ?
    WHERE id = ? AND sealed_secret = ? AND revoked_at IS NULL`,
  lease: `INSERT INTO leases (name, holder, expires_at) VALUES (?, ?, ?) ON CONFLICT (name)
    DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
    WHERE holder = excluded.holder OR expires_at <= ?`,
  dropLease: "DELETE FROM leases WHERE name = ? AND holder = ?",
} as const;
