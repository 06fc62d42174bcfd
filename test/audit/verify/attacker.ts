import type { DatabaseSync } from "node:sqlite";
import { formatCheckpoint } from "../../../src/tlog/checkpoint.ts";
import { GrowingTree } from "../../../src/tlog/growing-tree.ts";
import { leafHash } from "../../../src/tlog/hash.ts";
import { parseSigner, signNote } from "../../../src/tlog/note.ts";
import { openToChange } from "../../fixture/database.ts";
import { testKey } from "../../fixture/log-keys.ts";

/** Somebody who can write to the database's file. */
export class Attacker {
  readonly db: DatabaseSync;

  constructor(file: string) {
    this.db = openToChange(file);
  }

  run(sql: string, ...values: (string | number | Uint8Array | null)[]): void {
    const { changes } = this.db.prepare(sql).run(...values);
    if (changes === 0) throw new Error("the attack did nothing");
  }

  body(index: number): string {
    return String(this.db.prepare("SELECT body FROM records WHERE idx = ?").get(index)?.["body"]);
  }

  get size(): number {
    return Number(this.db.prepare("SELECT max(idx) + 1 AS size FROM records").get()?.["size"]);
  }

  /** The smallest index of a record with this code, from one on. */
  find(code: string, from = 0): number {
    const found = this.db.prepare("SELECT min(idx) AS idx FROM records WHERE code = ? AND idx >= ?").get(code, from);
    return Number(found?.["idx"]);
  }

  /** Of the heads of at most that many records, the newest one's size; 0 when there is none. */
  headBefore(size: number): number {
    const found = this.db.prepare("SELECT coalesce(max(size), 0) AS size FROM checkpoints WHERE size <= ?").get(size);
    return Number(found?.["size"]);
  }

  /** Changes a body as somebody would who wants somebody else to have done it. */
  editBody(index: number): void {
    const body = this.body(index);
    const edited = body.replace(/"message":"[^"]*"/, '"message":"It was somebody else."');
    if (edited === body) throw new Error("the attack did nothing");
    this.run("UPDATE records SET body = ? WHERE idx = ?", edited, index);
  }

  /** Takes records away and closes the gap. */
  removeRecord(index: number): void {
    this.run("DELETE FROM records WHERE idx = ?", index);
    this.renumber(index + 1, -1);
  }

  /** Puts a record in and makes room for it. */
  insertRecord(index: number, body: string): void {
    this.renumber(index, 1);
    const { uid, correlation_uid, event_code } = JSON.parse(body).metadata;
    this.run(
      "INSERT INTO records (idx, leaf_hash, uid, correlation, code, time, body) VALUES (?, ?, ?, ?, ?, ?, ?)",
      ...[index, leafHash(body), uid, correlation_uid, event_code, JSON.parse(body).time, body],
    );
  }

  renumber(from: number, by: number): void {
    this.db.prepare("UPDATE records SET idx = -idx WHERE idx >= ?").run(from);
    this.db.prepare("UPDATE records SET idx = -idx + ? WHERE idx < 0").run(by);
  }

  /** With the stolen key: all hashes made anew, and every head from a size on signed anew. */
  rebuild(fromSize: number, signer: string = testKey.signer, origin = "lockkeeper.test/log"): void {
    const { db } = this;
    const sizes = new Set(
      db
        .prepare("SELECT size FROM checkpoints")
        .all()
        .map((row) => Number(row["size"])),
    );
    const end = this.size;
    sizes.add(end);
    db.exec("DELETE FROM nodes");
    this.db.prepare("DELETE FROM checkpoints WHERE size >= ?").run(fromSize);
    const tree = new GrowingTree();
    const rows = db.prepare("SELECT idx, body, leaf_hash FROM records ORDER BY idx").all();
    for (const { idx, body, leaf_hash: stored } of rows) {
      const leaf = body === null ? Buffer.from(stored as Uint8Array) : leafHash(String(body));
      db.prepare("UPDATE records SET leaf_hash = ? WHERE idx = ?").run(leaf, Number(idx));
      tree.append(leaf);
      if (tree.size < fromSize || !sizes.has(tree.size)) continue;
      const note = signNote(formatCheckpoint({ origin, size: tree.size, root: tree.root() }), [parseSigner(signer)]);
      this.run("INSERT INTO checkpoints (size, note) VALUES (?, ?)", tree.size, note);
    }
    for (const { level, index, hash } of tree.newNodes()) {
      this.run("INSERT INTO nodes (level, idx, hash) VALUES (?, ?, ?)", level, index, hash);
    }
  }

  close(): void {
    this.db.close();
  }
}
