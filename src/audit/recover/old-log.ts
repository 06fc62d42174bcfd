import type { CredentialType, Status } from "../../changes/credential.ts";
import type { OutcomeName } from "../../changes/outcome.ts";
import type { AuditRecord, ChangeRow, IdempotencyClaim, SignatureClaim, StoredKey } from "../journal.ts";
import { type Sql, type SqlRow, textOrNull } from "../sql.ts";
import { isRareCode } from "../sqlite/schema.ts";
import { storedKey } from "../stored-key.ts";

/** A change of the old log that goes on in the new one. Indexes are those of the old log. */
export interface OldChange {
  readonly change: Omit<ChangeRow, "deadline">;
  /** Null of a denial. */
  readonly deadline: number | null;
  readonly outcome: OutcomeName | "denied" | null;
  readonly settledAt: number | null;
  readonly supersededId: string | null;
  readonly firstIndex: number;
  readonly outcomeIndex: number | null;
  readonly reconciledIndex: number | null;
  /** Whether it holds its credential. */
  readonly holds: boolean;
  readonly claim: IdempotencyClaim | undefined;
}

export interface OldSignature extends SignatureClaim {
  readonly changeId: string;
}

/** What is found of a log that is given up. It may be damaged or tampered with: nothing of it is taken for granted. */
export interface OldLog {
  readonly origin: string;
  /** Records in it. */
  readonly size: number;
  /** Its newest signed head as it is there. */
  readonly checkpoint: string | null;
  readonly apiKeys: readonly StoredKey[];
  /** Signatures that are still remembered, also of changes that do not go on: whoever caught one must not use it now. */
  readonly signatures: readonly OldSignature[];
  /** Changes that are open or whose Idempotency-Key is still good, and those that stand before or behind them. */
  readonly changes: readonly OldChange[];
  /** Indexes of all their records, ascending. */
  readonly records: readonly number[];
  /** Changes that cannot go on since a record of theirs has no body, or another one holds what they hold. */
  readonly lost: readonly string[];
}

/** Bytes of a record at most (c2sp.org/tlog-tiles): what is longer was never written by a gateway. */
const MAX_BODY = 65_535;
/** Characters of an id that is named in a record. */
const MAX_ID = 100;

/** @param now epoch milliseconds */
export async function readOldLog(sql: Sql, now: number): Promise<OldLog> {
  const [origin] = await sql.all("SELECT value FROM settings WHERE name = 'origin'");
  const [count] = await sql.all("SELECT max(idx) AS newest FROM records");
  const [head] = await sql.all("SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1");
  const apiKeys = await sql.all("SELECT * FROM api_keys ORDER BY created_at, id");
  const signatures = await sql.all("SELECT * FROM signatures WHERE expires_at > $1", now);
  const changes: OldChange[] = [];
  const records: number[] = [];
  const lost: string[] = [];
  const readBacks = await readBacksIn(sql);
  const taken = new Set<string>();
  for (const one of await changesThatGoOn(sql, now)) {
    const steps = await stepsOf(sql, one, readBacks);
    if (
      steps.some(({ hasBody }) => !hasBody) ||
      !steps.some(({ index }) => index === one.firstIndex) ||
      isTaken(one, taken)
    ) {
      lost.push(one.change.id.slice(0, MAX_ID).replaceAll(/[^ -~]/g, "?"));
      continue;
    }
    changes.push(one);
    records.push(...steps.map(({ index }) => index));
  }
  return {
    origin: String(origin?.["value"]),
    size: count?.["newest"] == null ? 0 : Math.min(whole(count["newest"]) + 1, Number.MAX_SAFE_INTEGER),
    checkpoint: textOrNull(head?.["note"]),
    apiKeys: apiKeys.map(apiKey),
    signatures: [...new Map(signatures.map((row) => [row["digest"], oldSignature(row)])).values()],
    changes,
    records: records.sort((a, b) => a - b),
    lost,
  };
}

/** A record of the old log to be appended to the new one. */
export async function readOldRecord(sql: Sql, index: number): Promise<AuditRecord> {
  const [row] = await sql.all("SELECT uid, correlation, code, time, body FROM records WHERE idx = $1", index);
  if (row === undefined) throw new Error(`record ${index} has gone while it was read`);
  return {
    uid: String(row["uid"]),
    correlation: String(row["correlation"]),
    code: String(row["code"]),
    time: whole(row["time"]),
    body: String(row["body"]),
  };
}

const CHANGES = `
  SELECT changes.*, inflight.change_id AS holds, idempotency.key AS key, idempotency.body_hash AS body_hash,
    idempotency.expires_at AS expires_at
  FROM changes
  LEFT JOIN inflight ON inflight.change_id = changes.id
  LEFT JOIN idempotency ON idempotency.change_id = changes.id AND idempotency.expires_at > $1`;

/**
 * Whoever is open or bound to a live key, and the chains of superseded changes that they are part of: when a change fails,
 * the one before it is open again.
 */
async function changesThatGoOn(sql: Sql, now: number): Promise<readonly OldChange[]> {
  const found = new Map<string, OldChange>();
  const add = (rows: readonly SqlRow[]) => {
    for (const row of rows) found.set(String(row["id"]), oldChange(row));
  };
  add(await sql.all(`${CHANGES} WHERE inflight.change_id IS NOT NULL OR idempotency.key IS NOT NULL`, now));
  const links = await sql.all("SELECT id, superseded_id FROM changes WHERE superseded_id IS NOT NULL");
  const neighbours = new Map<string, string[]>();
  for (const { id, superseded_id } of links) {
    for (const [one, other] of [
      [String(id), String(superseded_id)],
      [String(superseded_id), String(id)],
    ] as const) {
      neighbours.set(one, [...(neighbours.get(one) ?? []), other]);
    }
  }
  const toVisit = [...found.keys()];
  for (const id of toVisit) {
    for (const other of neighbours.get(id) ?? []) {
      if (found.has(other)) continue;
      add(await sql.all(`${CHANGES} WHERE changes.id = $2`, now, other));
      toVisit.push(other);
    }
  }
  return [...found.values()].sort((a, b) => a.firstIndex - b.firstIndex);
}

/**
 * All records of a change, also read-backs that its row does not name any more since it was open again.
 * @param readBacks of all changes
 */
async function stepsOf(sql: Sql, change: OldChange, readBacks: ReadonlyMap<string, readonly number[]>) {
  const { id } = change.change;
  const named = [change.firstIndex, change.outcomeIndex, change.reconciledIndex, ...(readBacks.get(id) ?? [])];
  const steps: { index: number; hasBody: boolean }[] = [];
  for (const index of new Set(named.filter((one) => one !== null))) {
    const [row] = await sql.all(
      `SELECT coalesce(octet_length(body), ${MAX_BODY} + 1) <= ${MAX_BODY} AS has_body FROM records WHERE idx = $1 AND correlation = $2 AND code IN (
        'credential.status.denied', 'credential.status.intent', 'credential.status.outcome', 'credential.status.reconciled')`,
      index,
      id,
    );
    if (row !== undefined) steps.push({ index, hasBody: Boolean(row["has_body"]) });
  }
  return steps;
}

/** Read-backs in the log, by the change that they are of: there are few of them, and an index leads to them. */
async function readBacksIn(sql: Sql): Promise<ReadonlyMap<string, readonly number[]>> {
  const rows = await sql.all(
    `SELECT idx, correlation FROM records WHERE code = 'credential.status.reconciled' AND ${isRareCode}`,
  );
  const found = new Map<string, number[]>();
  for (const row of rows) {
    const [id, index] = [String(row["correlation"]), whole(row["idx"])];
    const indexes = found.get(id);
    if (indexes === undefined) found.set(id, [index]);
    else indexes.push(index);
  }
  return found;
}

function oldChange(row: SqlRow): OldChange {
  const text = (name: string) => String(row[name]);
  return {
    change: {
      id: text("id"),
      principal: text("principal"),
      account: text("account"),
      type: text("type") as CredentialType,
      credentialId: text("credential_id"),
      userName: text("user_name"),
      status: text("status") as Status,
      requestedAt: whole(row["requested_at"]),
    },
    deadline: wholeOrNull(row["deadline"]),
    outcome: textOrNull(row["outcome"]) as OldChange["outcome"],
    settledAt: wholeOrNull(row["settled_at"]),
    supersededId: textOrNull(row["superseded_id"]),
    firstIndex: whole(row["first_idx"]),
    outcomeIndex: wholeOrNull(row["outcome_idx"]),
    reconciledIndex: wholeOrNull(row["reconciled_idx"]),
    holds: textOrNull(row["holds"]) !== null,
    claim:
      textOrNull(row["key"]) === null
        ? undefined
        : { key: text("key"), bodyHash: text("body_hash"), expiresAt: whole(row["expires_at"]) },
  };
}

function apiKey(row: SqlRow): StoredKey {
  const key = storedKey(row);
  return {
    ...key,
    createdAt: whole(key.createdAt),
    expiresAt: whole(key.expiresAt),
    revokedAt: wholeOrNull(key.revokedAt),
  };
}

function oldSignature(row: SqlRow): OldSignature {
  return {
    digest: String(row["digest"]),
    changeId: String(row["change_id"]),
    expiresAt: whole(row["expires_at"]),
  };
}

/** Whether another change holds its credential, or has its Idempotency-Key, already: in a sound log none does. */
function isTaken({ change, holds, claim }: OldChange, taken: Set<string>): boolean {
  const { account, type, userName, credentialId, principal } = change;
  const all = [
    ...(holds ? [JSON.stringify(["held", account, type, userName.toLowerCase(), credentialId])] : []),
    ...(claim === undefined ? [] : [JSON.stringify(["claimed", principal, claim.key])]),
  ];
  if (all.some((one) => taken.has(one))) return true;
  for (const one of all) taken.add(one);
  return false;
}

/** A number of a log that may be damaged, as near to it as JavaScript and JSON have one. */
function whole(value: unknown): number {
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, Number(value)));
}

function wholeOrNull(value: unknown): number | null {
  return value === null || value === undefined ? null : whole(value);
}
