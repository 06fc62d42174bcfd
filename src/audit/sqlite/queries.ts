import type { DatabaseSync, SQLOutputValue, StatementSync } from "node:sqlite";
import type { CredentialType, Status } from "../../changes/credential.ts";
import { consistencyProof } from "../../tlog/proof.ts";
import type { TileRef } from "../../tlog/tile.ts";
import { type Head, openHead } from "../head.ts";
import type { LoggedRecord, OverdueChange, ProvenReceipt, StoredRecord } from "../journal.ts";
import type { LogIdentity } from "../log-keys.ts";
import type { Query, QueryResult } from "../operation.ts";
import { receiptOf } from "../receipt.ts";
import { storedKey } from "../stored-key.ts";
import { ChangeSearch } from "./change-search.ts";
import { type LogTables, loggedRecord } from "./log-tables.ts";
import { prepareAll } from "./prepared.ts";
import { RecordSearch } from "./record-search.ts";

type Row = Record<string, SQLOutputValue>;

/** Answers questions about the log from its database. */
export class Queries {
  readonly #sql: Record<keyof typeof statements, StatementSync>;
  readonly #log: LogTables;
  readonly #identity: LogIdentity;
  readonly #changes: ChangeSearch;
  readonly #records: RecordSearch;
  #head: Head | undefined;

  constructor(db: DatabaseSync, log: LogTables, identity: LogIdentity) {
    this.#sql = prepareAll(db, statements);
    this.#log = log;
    this.#identity = identity;
    this.#changes = new ChangeSearch(db);
    this.#records = new RecordSearch(db);
  }

  /** @throws LogFault when the newest head is not one of this log */
  answer(query: Query): QueryResult {
    switch (query.kind) {
      case "claimed": {
        const row = this.#sql.claimed.get(query.principal, query.key, query.now);
        return row && { id: String(row["change_id"]), bodyHash: String(row["body_hash"]) };
      }
      case "records-of":
        return this.#recordsOf(query.changeId);
      case "overdue":
        return this.#sql.overdue.all(query.before).map((row) => overdueChange(row, this.#recordsOf(String(row["id"]))));
      case "unsettled":
        return Number(this.#sql.unsettled.get(query.now)?.["unsettled"]);
      case "api-keys":
        return this.#sql.apiKeys.all().map(storedKey);
      case "proven":
        return this.#proven(query.index);
      case "records":
        return this.#records.page(query.filter);
      case "changes": {
        const { ids, next } = this.#changes.page(query.filter);
        const changes = ids.map((id) => this.#recordsOf(id)).filter((records) => records.length > 0);
        return { changes, ...(next !== undefined && { next }) };
      }
      case "head": {
        const head = this.#newestHead();
        const { origin } = this.#identity;
        return head && { origin, size: head.size, root: head.root.toString("hex"), checkpoint: head.checkpoint };
      }
      case "consistency": {
        const { from, to } = query;
        if (to > (this.#newestHead()?.size ?? 0)) return undefined;
        return consistencyProof(from, to, this.#log.tiles).map((hash) => hash.toString("base64"));
      }
      case "tile":
        return this.#tile(query.tile);
    }
  }

  /** Those of a change whose opening was pruned are not there any more. */
  #recordsOf(changeId: string): StoredRecord[] {
    const records = this.#sql.recordsOf.all(changeId).map(loggedRecord);
    return records[0]?.body == null ? [] : records.filter(isStored);
  }

  #proven(index: number): (LoggedRecord & ProvenReceipt) | undefined {
    const head = this.#newestHead();
    if (head === undefined || index >= head.size) return undefined;
    const record = this.#log.record(index);
    return record && { ...record, proof: receiptOf(record, head, this.#log.tiles) };
  }

  #tile(tile: TileRef): Uint8Array | undefined {
    const complete = Math.floor((this.#newestHead()?.size ?? 0) / 256 ** tile.level);
    if (256 * tile.index + tile.width > complete) return undefined;
    return Buffer.concat(this.#log.tiles(tile));
  }

  #newestHead(): Head | undefined {
    const found = this.#log.head();
    if (found === undefined) return undefined;
    // Its signature is checked once.
    if (this.#head?.checkpoint !== found.checkpoint) this.#head = openHead(found.checkpoint, this.#identity);
    return this.#head;
  }
}

function isStored(record: LoggedRecord): record is StoredRecord {
  return record.body !== null;
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

const statements = {
  claimed: "SELECT change_id, body_hash FROM idempotency WHERE principal = ? AND key = ? AND expires_at > ?",
  recordsOf: `SELECT idx, lower(hex(leaf_hash)) AS hash, body FROM records, changes
    WHERE changes.id = ? AND idx IN (first_idx, outcome_idx, reconciled_idx) ORDER BY idx`,
  overdue: `SELECT changes.* FROM inflight JOIN changes ON changes.id = inflight.change_id
    WHERE inflight.deadline < ? ORDER BY inflight.deadline LIMIT 100`,
  unsettled: "SELECT count(*) AS unsettled FROM inflight WHERE deadline < ?",
  apiKeys: "SELECT * FROM api_keys ORDER BY created_at, id",
} as const;
