import type { DatabaseSync, SQLOutputValue, StatementSync } from "node:sqlite";
import type { TreeNode } from "../../tlog/growing-tree.ts";
import type { TileRef, TileSource } from "../../tlog/tile.ts";
import type { Head } from "../head.ts";
import type { LoggedRecord } from "../journal.ts";
import type { LogRow } from "../log-batch.ts";
import { type LogTail, TAIL_RECORDS } from "../log-tail.ts";
import { prepareAll } from "./prepared.ts";
import type { Stretches } from "./stretches.ts";

/** The tables that hold the log itself: records, the nodes of their tree, its signed heads, and the keys that signed. */
export class LogTables {
  readonly #sql: Record<keyof typeof statements, StatementSync>;
  readonly #stretches: Pick<Stretches, "addRecord">;

  constructor(db: DatabaseSync, stretches: Pick<Stretches, "addRecord">) {
    this.#sql = prepareAll(db, statements);
    this.#stretches = stretches;
  }

  /** The newest signed head; undefined of an empty log. */
  head(): { readonly size: number; readonly checkpoint: string } | undefined {
    const row = this.#sql.head.get();
    return row && { size: Number(row["size"]), checkpoint: String(row["note"]) };
  }

  /** The key that has signed last, a vkey; undefined of an empty log. */
  newestKey(): string | undefined {
    const row = this.#sql.newestKey.get();
    return row && String(row["vkey"]);
  }

  record(index: number): LoggedRecord | undefined {
    const row = this.#sql.record.get(index);
    return row && loggedRecord(row);
  }

  uidsFrom(index: number): string[] {
    return this.#sql.uids.all(index).map((row) => String(row["uid"]));
  }

  tail(): LogTail {
    const count = Number(this.#sql.count.get()?.["count"]);
    const records = this.#sql.last.all(Math.max(0, count - TAIL_RECORDS)).map((row) => ({
      index: Number(row["idx"]),
      leafHash: bytes(row["leaf_hash"]),
      body: row["body"] === null ? null : String(row["body"]),
    }));
    return { count, checkpoint: this.head()?.checkpoint, records, tiles: this.tiles };
  }

  /** Fewer hashes than asked for when they are not there. */
  readonly tiles: TileSource = ({ level, index, width }: TileRef) => {
    const first = 256 * index;
    const rows =
      level === 0
        ? this.#sql.leaves.all(first, first + width - 1)
        : this.#sql.nodes.all(level, first, first + width - 1);
    return rows.map((row) => bytes(row["hash"]));
  };

  /** Leaf hashes from one index up to another (exclusive), in order. */
  *leaves(from: number, to: number): Iterable<Uint8Array> {
    for (const row of this.#sql.leaves.iterate(from, to - 1)) yield bytes(row["hash"]);
  }

  addRecord({ index, record, leafHash }: LogRow): void {
    const { uid, correlation, code, time, body } = record;
    this.#sql.addRecord.run(index, leafHash, uid, correlation, code, time, body);
    this.#stretches.addRecord(index, time);
  }

  addNodes(nodes: readonly TreeNode[]): void {
    for (const { level, index, hash } of nodes) this.#sql.addNode.run(level, index, hash);
  }

  /** @param vkey the verifier key of its signature */
  addHead({ size, checkpoint }: Head, vkey: string): void {
    this.#sql.addCheckpoint.run(size, checkpoint);
    if (this.newestKey() !== vkey) this.#sql.addKey.run(size, vkey);
  }
}

/** @param row with `idx`, `hash` (hex) and `body` */
export function loggedRecord(row: Record<string, SQLOutputValue>): LoggedRecord {
  const body = row["body"];
  return { index: Number(row["idx"]), leafHash: String(row["hash"]), body: typeof body === "string" ? body : null };
}

function bytes(value: unknown): Uint8Array {
  return value instanceof Uint8Array ? value : new Uint8Array();
}

const statements = {
  head: "SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1",
  newestKey: "SELECT vkey FROM keys ORDER BY first_size DESC LIMIT 1",
  count: "SELECT coalesce(max(idx) + 1, 0) AS count FROM records",
  record: "SELECT idx, lower(hex(leaf_hash)) AS hash, body FROM records WHERE idx = ?",
  uids: "SELECT uid FROM records WHERE idx >= ?",
  last: "SELECT idx, leaf_hash, body FROM records WHERE idx >= ? ORDER BY idx",
  leaves: "SELECT leaf_hash AS hash FROM records WHERE idx BETWEEN ? AND ? ORDER BY idx",
  nodes: "SELECT hash FROM nodes WHERE level = ? AND idx BETWEEN ? AND ? ORDER BY idx",
  addRecord: "INSERT INTO records (idx, leaf_hash, uid, correlation, code, time, body) VALUES (?, ?, ?, ?, ?, ?, ?)",
  addNode: "INSERT INTO nodes (level, idx, hash) VALUES (?, ?, ?)",
  addCheckpoint: "INSERT INTO checkpoints (size, note) VALUES (?, ?)",
  addKey: "INSERT INTO keys (first_size, vkey) VALUES (?, ?)",
} as const;
