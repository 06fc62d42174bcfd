import type { Operation } from "../operation.ts";
import type { ChangeProgress, Place } from "../tables.ts";
import { texts } from "./binary-array.ts";

/** What the operations of a batch can come across in the tables, read before they run. */
export interface WorkingSet {
  readonly changes: readonly LoadedChange[];
  readonly holders: readonly Holder[];
  readonly claims: readonly Claim[];
  readonly signatures: readonly SignedChange[];
  readonly records: readonly { readonly index: number; readonly uid: string; readonly leafHash: string }[];
  readonly apiKeys: readonly ApiKeyState[];
  readonly leases: readonly Lease[];
}

export interface LoadedChange extends ChangeProgress {
  readonly id: string;
  readonly account: string;
  readonly type: string;
  readonly userKey: string;
  readonly credentialId: string;
  readonly deadline: number | null;
  readonly settledAt: number | null;
}

export interface Holder {
  readonly account: string;
  readonly type: string;
  readonly userKey: string;
  readonly credentialId: string;
  readonly changeId: string;
  readonly deadline: number;
}

export interface Claim {
  readonly principal: string;
  readonly key: string;
  readonly bodyHash: string;
  readonly changeId: string;
  readonly expiresAt: number;
}

export interface SignedChange {
  readonly digest: string;
  readonly changeId: string;
  readonly expiresAt: number;
  /** Whether a later change of its credential is in the log already, or its own has gone. */
  readonly later: boolean;
}

export interface ApiKeyState {
  readonly id: string;
  readonly principal: string;
  readonly expiresAt: number;
  readonly revokedAt: number | null;
  /** Of a key pair; null of an API key. */
  readonly sealedSecret: string | null;
  readonly sealedUnder: string | null;
}

export interface Lease {
  readonly name: string;
  readonly holder: string;
  readonly expiresAt: number;
}

const nothing: WorkingSet = {
  changes: [],
  holders: [],
  claims: [],
  signatures: [],
  records: [],
  apiKeys: [],
  leases: [],
};

/** IAM's user names compare without case (they are ASCII). */
export function userKey(userName: string): string {
  return userName.toLowerCase();
}

/** What identifies a place; PostgreSQL's text has no NUL. */
export function placeKey(place: Pick<Holder, "account" | "type" | "userKey" | "credentialId">): string {
  return [place.account, place.type, place.userKey, place.credentialId].join("\0");
}

/**
 * The statement's values for a batch: what to look for.
 * @returns undefined for a batch that looks at no table
 */
export function lookedFor(batch: readonly Operation[]): unknown[] | undefined {
  const places: Place[] = [];
  const claims: { principal: string; key: string }[] = [];
  const changes = new Set<string>();
  const freed: string[] = [];
  const principals: string[] = [];
  const apiKeys: string[] = [];
  const leases: string[] = [];
  const signatures: string[] = [];
  for (const operation of batch) {
    switch (operation.kind) {
      case "begin":
        places.push(operation.change);
        changes.add(operation.change.id);
        if (operation.supersedes !== undefined) changes.add(operation.supersedes.id);
        if (operation.idempotency !== undefined) {
          claims.push({ principal: operation.change.principal, key: operation.idempotency.key });
        }
        if (operation.signature !== undefined) signatures.push(operation.signature.digest);
        break;
      case "finish":
        changes.add(operation.id);
        if (operation.conclusion.freesKey === true) freed.push(operation.id);
        break;
      case "deny":
        changes.add(operation.change.id);
        break;
      case "add-api-key":
        principals.push(operation.key.principal);
        apiKeys.push(operation.key.id);
        break;
      case "revoke-api-key":
        apiKeys.push(operation.id);
        break;
      case "reseal-aws-key":
        apiKeys.push(operation.resealed.id);
        break;
      case "lease":
      case "end-lease":
        leases.push(operation.name);
        break;
      case "note":
        break;
    }
  }
  if (changes.size + apiKeys.length + leases.length === 0) return undefined;
  return [
    texts(places.map(({ account }) => account)),
    texts(places.map(({ type }) => type)),
    texts(places.map(({ userName }) => userKey(userName))),
    texts(places.map(({ credentialId }) => credentialId)),
    texts(claims.map(({ principal }) => principal)),
    texts(claims.map(({ key }) => key)),
    texts(freed),
    texts([...changes]),
    texts(principals),
    texts(apiKeys),
    texts(leases),
    texts(signatures),
  ];
}

/** @param row the statement's answer; undefined when nothing was looked for */
export function workingSet(row: Readonly<Record<string, unknown>> | undefined): WorkingSet {
  return row === undefined ? nothing : (row["found"] as WorkingSet);
}

/**
 * A failed change opens the one again whose place it took, so those are needed too: of every change that is looked for,
 * and of every one that has failed, down the chain.
 */
export const lookUp = {
  name: "look-up",
  text: `
    WITH RECURSIVE
      places AS MATERIALIZED (
        SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS p (account, type, user_key, credential_id)
      ),
      wanted (id) AS (
        SELECT unnest($8::text[])
        UNION
        SELECT change_id FROM signatures WHERE digest = ANY ($12::text[])
        UNION
        SELECT change_id FROM places JOIN inflight USING (account, type, user_key, credential_id)
      ),
      chain (id, superseded_id, goes_on) AS (
        SELECT id, superseded_id, true FROM wanted JOIN changes USING (id)
        UNION
        SELECT changes.id, changes.superseded_id, changes.outcome = 'failed'
        FROM chain JOIN changes ON changes.id = chain.superseded_id WHERE chain.goes_on
      ),
      found AS MATERIALIZED (
        SELECT changes.* FROM (SELECT DISTINCT id FROM chain) AS ids JOIN changes USING (id)
      ),
      held AS (
        SELECT account, type, user_key, credential_id FROM places
        UNION
        SELECT account, type, user_key, credential_id FROM found
      )
    SELECT json_build_object(
      'changes', (SELECT coalesce(json_agg(json_build_object('id', id, 'account', account, 'type', type,
        'userKey', user_key, 'credentialId', credential_id, 'deadline', deadline, 'outcome', outcome,
        'outcomeIndex', outcome_idx, 'reconciledIndex', reconciled_idx, 'supersededId', superseded_id,
        'settledAt', settled_at)), '[]') FROM found),
      'holders', (SELECT coalesce(json_agg(json_build_object('account', account, 'type', type, 'userKey', user_key,
        'credentialId', credential_id, 'changeId', change_id, 'deadline', deadline)), '[]')
        FROM held JOIN inflight USING (account, type, user_key, credential_id)),
      'claims', (SELECT coalesce(json_agg(json_build_object('principal', principal, 'key', key, 'bodyHash', body_hash,
        'changeId', change_id, 'expiresAt', expires_at)), '[]')
        FROM (
          SELECT idempotency.* FROM unnest($5::text[], $6::text[]) AS c (principal, key) JOIN idempotency USING (principal, key)
          UNION
          SELECT * FROM idempotency WHERE change_id = ANY ($7::text[])
        ) AS claims),
      'signatures', (SELECT coalesce(json_agg(json_build_object('digest', digest, 'changeId', change_id,
        'expiresAt', expires_at, 'later', signed.id IS NULL OR EXISTS (
          SELECT 1 FROM changes AS later
          WHERE later.credential_id = signed.credential_id AND later.first_idx > signed.first_idx
            AND later.account = signed.account AND later.type = signed.type AND later.user_key = signed.user_key
            AND later.outcome IS DISTINCT FROM 'denied'))), '[]')
        FROM signatures LEFT JOIN changes AS signed ON signed.id = change_id WHERE digest = ANY ($12::text[])),
      'records', (SELECT coalesce(json_agg(json_build_object('index', idx, 'uid', uid,
        'leafHash', encode(leaf_hash, 'hex'))), '[]')
        FROM (SELECT outcome_idx AS idx FROM found UNION SELECT reconciled_idx FROM found) AS steps JOIN records USING (idx)),
      'apiKeys', (SELECT coalesce(json_agg(json_build_object('id', id, 'principal', principal, 'expiresAt', expires_at,
        'revokedAt', revoked_at, 'sealedSecret', sealed_secret, 'sealedUnder', sealed_under)), '[]')
        FROM (
          SELECT * FROM api_keys WHERE principal = ANY ($9::text[])
          UNION
          SELECT * FROM api_keys WHERE id = ANY ($10::text[])
        ) AS keys),
      'leases', (SELECT coalesce(json_agg(json_build_object('name', name, 'holder', holder, 'expiresAt', expires_at)), '[]')
        FROM leases WHERE name = ANY ($11::text[]))
    ) AS found`,
} as const;
