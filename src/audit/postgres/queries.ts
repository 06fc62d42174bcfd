import type { CredentialType, Status } from "../../changes/credential.ts";
import { consistencyProof, consistencyTiles, inclusionTiles } from "../../tlog/proof.ts";
import { TILE_WIDTH, type TileRef } from "../../tlog/tile.ts";
import { type Head, openHead } from "../head.ts";
import type {
  ChangeFilter,
  ChangePage,
  LoggedRecord,
  OverdueChange,
  ProvenReceipt,
  RecordFilter,
  RecordPage,
  StoredRecord,
} from "../journal.ts";
import type { LogIdentity } from "../log-keys.ts";
import type { Query, QueryResult } from "../operation.ts";
import { receiptOf } from "../receipt.ts";
import { storedKey } from "../stored-key.ts";
import { type Ask, readTiles, textOrNull, tileBytes } from "./log-rows.ts";
import type { ReadPool } from "./pool.ts";
import { changeSearch, recordSearch } from "./search.ts";
import type { Row } from "./session.ts";

/** Answers questions about the log. The log is only appended to, so what two statements see of it fits together. */
export class Queries {
  readonly #ask: Ask;
  readonly #search: Ask;
  readonly #identity: LogIdentity;
  #head: Head | undefined;

  constructor({ ask, search }: Pick<ReadPool, "ask" | "search">, identity: LogIdentity) {
    this.#ask = ask;
    this.#search = search;
    this.#identity = identity;
  }

  /** @throws LogFault when the newest head is not one of this log; Error when the server does not answer */
  async answer(query: Query): Promise<QueryResult> {
    switch (query.kind) {
      case "claimed": {
        const [row] = await this.#ask(statements.claimed, [query.principal, query.key, query.now]);
        return row && { id: String(row["change_id"]), bodyHash: String(row["body_hash"]) };
      }
      case "records-of":
        return presentRecords((await this.#ask(statements.recordsOf, [query.changeId])).map(loggedRecord));
      case "overdue":
        return grouped(await this.#ask(statements.overdue, [query.before])).map(overdueChange);
      case "unsettled":
        return Number((await this.#ask(statements.unsettled, [query.now]))[0]?.["unsettled"]);
      case "api-keys":
        return (await this.#ask(statements.apiKeys, [])).map(storedKey);
      case "proven":
        return this.#proven(query.index);
      case "records":
        return this.#records(query.filter);
      case "changes":
        return this.#changes(query.filter);
      case "head": {
        const head = await this.newestHead();
        const { origin } = this.#identity;
        return head && { origin, size: head.size, root: head.root.toString("hex"), checkpoint: head.checkpoint };
      }
      case "consistency":
        return this.#consistency(query.from, query.to);
      case "tile":
        return this.#tile(query.tile);
    }
  }

  /** @throws LogFault when it is not signed by a key that is trusted */
  async newestHead(): Promise<Head | undefined> {
    const [row] = await this.#ask(statements.head, []);
    const checkpoint = textOrNull(row?.["checkpoint"]);
    if (checkpoint === null) return undefined;
    // Its signature is checked once.
    if (this.#head?.checkpoint === checkpoint) return this.#head;
    this.#head = openHead(checkpoint, this.#identity);
    return this.#head;
  }

  /** The verifier key under which the log is signed; null of an empty one. */
  async vkey(): Promise<string | null> {
    const [row] = await this.#ask(statements.vkey, []);
    return textOrNull(row?.["vkey"]);
  }

  async #proven(index: number): Promise<(LoggedRecord & ProvenReceipt) | undefined> {
    const head = await this.newestHead();
    if (head === undefined || index >= head.size) return undefined;
    const [[row], tiles] = await Promise.all([
      this.#ask(statements.record, [index]),
      readTiles(this.#ask, inclusionTiles(index, head.size)),
    ]);
    const record = row && loggedRecord(row);
    return record && { ...record, proof: receiptOf(record, head, tiles) };
  }

  async #records(filter: RecordFilter): Promise<RecordPage> {
    const { text, values } = recordSearch(filter);
    const found = (await this.#search(text, values)).map(loggedRecord);
    const next = found[filter.limit]?.index;
    return { records: found.slice(0, filter.limit), ...(next !== undefined && { next }) };
  }

  async #changes(filter: ChangeFilter): Promise<ChangePage> {
    const { text, values } = changeSearch(filter);
    const found = grouped(await this.#search(text, values));
    const page = found.slice(0, filter.limit);
    const last = page.at(-1)?.row["first_idx"];
    return {
      changes: page.map(({ records }) => records).filter((records) => records.length > 0),
      ...(found.length > page.length && { next: Number(last) }),
    };
  }

  async #consistency(from: number, to: number): Promise<string[] | undefined> {
    if (to > ((await this.newestHead())?.size ?? 0)) return undefined;
    const tiles = await readTiles(this.#ask, consistencyTiles(from, to));
    return consistencyProof(from, to, tiles).map((hash) => hash.toString("base64"));
  }

  async #tile(tile: TileRef): Promise<Uint8Array | undefined> {
    const complete = Math.floor(((await this.newestHead())?.size ?? 0) / TILE_WIDTH ** tile.level);
    if (TILE_WIDTH * tile.index + tile.width > complete) return undefined;
    return tileBytes(this.#ask, tile);
  }
}

interface WithRecords {
  readonly row: Row;
  readonly records: readonly StoredRecord[];
}

/** Rows of changes joined with their records, in order of the changes. */
function grouped(rows: readonly Row[]): WithRecords[] {
  const groups = new Map<unknown, { row: Row; records: LoggedRecord[] }>();
  for (const row of rows) {
    const group = groups.get(row["first_idx"]) ?? { row, records: [] };
    groups.set(row["first_idx"], group);
    if (row["idx"] !== null) group.records.push(loggedRecord(row));
  }
  return [...groups.values()].map(({ row, records }) => ({ row, records: presentRecords(records) }));
}

/** Those of a change whose opening was pruned are not there any more. */
function presentRecords(records: readonly LoggedRecord[]): StoredRecord[] {
  return records[0]?.body == null ? [] : records.filter(isStored);
}

function isStored(record: LoggedRecord): record is StoredRecord {
  return record.body !== null;
}

function loggedRecord(row: Row): LoggedRecord {
  return { index: Number(row["idx"]), leafHash: String(row["hash"]), body: textOrNull(row["body"]) };
}

function overdueChange({ row, records }: WithRecords): OverdueChange {
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
  head: "SELECT checkpoint FROM head",
  vkey: "SELECT vkey FROM head",
  record: "SELECT idx, encode(leaf_hash, 'hex') AS hash, body FROM records WHERE idx = $1",
  claimed: "SELECT change_id, body_hash FROM idempotency WHERE principal = $1 AND key = $2 AND expires_at > $3",
  recordsOf: `SELECT idx, encode(leaf_hash, 'hex') AS hash, body
    FROM changes JOIN records ON records.idx = ANY (ARRAY[first_idx, outcome_idx, reconciled_idx])
    WHERE changes.id = $1 ORDER BY idx`,
  overdue: `SELECT due.*, records.idx, encode(leaf_hash, 'hex') AS hash, body
    FROM (
      SELECT changes.*, inflight.deadline AS held_until FROM inflight JOIN changes ON changes.id = inflight.change_id
      WHERE inflight.deadline < $1 ORDER BY inflight.deadline LIMIT 100
    ) AS due
    LEFT JOIN records ON records.idx = ANY (ARRAY[due.first_idx, due.outcome_idx, due.reconciled_idx])
    ORDER BY due.held_until, due.first_idx, records.idx`,
  unsettled: "SELECT count(*) AS unsettled FROM inflight WHERE deadline < $1",
  apiKeys: "SELECT * FROM api_keys ORDER BY created_at, id",
} as const;
