import type { DatabaseSync } from "node:sqlite";
import type { GrowingTree } from "../../tlog/growing-tree.ts";
import { type Head, openHead } from "../head.ts";
import { assertSameKey } from "../key-change.ts";
import { LogBatch } from "../log-batch.ts";
import type { LogIdentity } from "../log-keys.ts";
import { assertNotSmaller, catchUp, verifyTail } from "../log-tail.ts";
import type { Operation, OperationOutcome } from "../operation.ts";
import { runBatch, withProofs } from "../operations.ts";
import { receiptOf } from "../receipt.ts";
import { LogTables } from "./log-tables.ts";
import { atOneMoment } from "./prepared.ts";
import { Stretches } from "./stretches.ts";
import { SqliteTables } from "./tables.ts";

/** One connection's way to write: the end of the log's tree in memory, and the tables on disk. */
export class Writer {
  readonly db: DatabaseSync;
  readonly log: LogTables;
  readonly #identity: LogIdentity;
  readonly #tables: SqliteTables;
  readonly #stretches: Stretches;
  readonly #tree: GrowingTree;
  #head: Head | undefined;
  /** The verifier key under which it is signed; null of an empty log. */
  #vkey: string | null = null;
  /** Of the transaction that is open. */
  #next: Head | undefined;

  /**
   * @param remembered the head that must be a prefix of what is found
   * @throws LogFault when the log does not end as it was written
   */
  constructor(db: DatabaseSync, identity: LogIdentity, remembered?: Head) {
    this.db = db;
    this.#identity = identity;
    this.#stretches = new Stretches(db);
    this.log = new LogTables(db, this.#stretches);
    this.#tables = new SqliteTables(db, this.#stretches);
    const { tree, head } = atOneMoment(db, () => verifyTail(this.log.tail(), identity, remembered));
    this.#tree = tree;
    this.#head = head;
    if (head !== undefined) this.#vkey = openHead(head.checkpoint, identity).vkey;
  }

  /** The newest head that is known to be durable. */
  get head(): Head | undefined {
    return this.#head;
  }

  /**
   * Opens a transaction, on top of what another process (a key command) may have appended since.
   * @returns the index of the next record
   * @throws LogFault when what is there does not continue what was there; the transaction is open then too
   */
  begin(): number {
    this.db.exec("BEGIN IMMEDIATE");
    const found = this.log.head();
    if (found?.checkpoint !== this.#head?.checkpoint) {
      if (this.#head !== undefined && (found === undefined || found.size <= this.#head.size)) {
        assertNotSmaller(found && openHead(found.checkpoint, this.#identity), this.#head);
      }
      if (found !== undefined) this.#follow(openHead(found.checkpoint, this.#identity));
    }
    return this.#tree.size;
  }

  /** Runs the operations inside the open transaction. */
  run(batch: readonly Operation[]): OperationOutcome[] {
    const log = new LogBatch(this.#tree, this.#identity);
    const drafts = runBatch(batch, this.#tables, log);
    const sealed = log.seal();
    if (sealed !== undefined) {
      for (const row of sealed.rows) this.log.addRecord(row);
      this.log.addNodes(sealed.nodes);
      this.log.addHead(sealed.head, this.#identity.signer.verifier);
      this.#stretches.flush();
    }
    this.#next = sealed?.head ?? this.#head;
    const head = this.#next;
    return withProofs(drafts, (index) => {
      if (sealed !== undefined && index >= sealed.first) return sealed.proofOf(index);
      const record = this.log.record(index);
      if (record === undefined || head === undefined) throw new Error(`there is no record ${index}`);
      return receiptOf(record, head, this.log.tiles);
    });
  }

  /** @throws Error when it is not known to be durable; this writer is not to be used any more then */
  commit(): void {
    this.db.exec("COMMIT");
    this.#tree.mark();
    if (this.#next !== this.#head) this.#vkey = this.#identity.signer.verifier;
    this.#head = this.#next;
  }

  /** @returns whether the transaction has ended without having done anything */
  rollback(): boolean {
    this.#tree.rollback();
    this.#stretches.forget();
    try {
      // Some errors have rolled it back already (https://www.sqlite.org/lang_transaction.html).
      if (this.db.isTransaction) this.db.exec("ROLLBACK");
      return true;
    } catch {
      return false;
    }
  }

  /** @throws LogFault when the newest head in the database is older than the one that is known, or another */
  look(): void {
    const found = this.log.head();
    if (this.#head === undefined || found?.checkpoint === this.#head.checkpoint) return;
    if (found === undefined || found.size <= this.#head.size) {
      assertNotSmaller(found && openHead(found.checkpoint, this.#identity), this.#head);
    }
  }

  /**
   * Verifies the end of the log as it is in the database now, and not as this connection has it in memory.
   * @throws LogFault when it does not end as it was written
   */
  verify(): void {
    // No newcomer is asked: a connection that finds a database without bytes, as one that is just being written over,
    // deletes its write-ahead log.
    this.db.exec("PRAGMA shrink_memory");
    atOneMoment(this.db, () => verifyTail(this.log.tail(), this.#identity, this.#head));
  }

  #follow(found: ReturnType<typeof openHead>): void {
    assertSameKey(found.vkey, this.#vkey, this.#identity);
    catchUp(this.#tree, this.log.leaves(this.#tree.size, found.size), found);
    this.#head = found;
    this.#vkey = found.vkey;
  }
}
