import type { GrowingTree } from "../../tlog/growing-tree.ts";
import { inclusionTiles } from "../../tlog/proof.ts";
import type { ProofText } from "../../tlog/tlog-proof.ts";
import { type Head, LogFault, whatToDo } from "../head.ts";
import { assertSameKey } from "../key-change.ts";
import { LogBatch, type SealedBatch } from "../log-batch.ts";
import type { LogIdentity } from "../log-keys.ts";
import { assertNotSmaller, catchUp } from "../log-tail.ts";
import type { Operation, OperationOutcome } from "../operation.ts";
import { runBatch, unproven, withProofs } from "../operations.ts";
import { receiptOf } from "../receipt.ts";
import { appendBatch, type Bound, writeTables } from "./flush.ts";
import { type KnownLog, openedHead, verifiedTail } from "./known-log.ts";
import { bytes, type HeadRow, hashesOf, headRow, lockHead, readTiles, textOrNull, touchHead } from "./log-rows.ts";
import { BrokenRule, PostgresTables } from "./postgres-tables.ts";
import { type Row, reasonOf } from "./session.ts";
import { identityOf, type Ownership } from "./settings.ts";
import { lookedFor, lookUp, workingSet } from "./working-set.ts";
import type { WriterSession } from "./writer-session.ts";

/** Leaf hashes that are taken in one after another; when others have appended more than that, the tail is read anew. */
const MAX_LEAVES = 1_024;

/** A batch that was run in memory, and what has to be written for it. */
export interface PreparedBatch {
  readonly sealed: SealedBatch | undefined;
  readonly statements: readonly Bound[];
  /** To be asked first while the batch is in the tree. */
  outcomes(): OperationOutcome[];
}

/** One session's way to write: the end of the log's tree in memory, and the tables on the server. */
export class Writer {
  readonly session: WriterSession;
  readonly identity: LogIdentity;
  #tree: GrowingTree;
  #head: Head | undefined;
  #vkey: string | null;

  private constructor(session: WriterSession, identity: LogIdentity, tree: GrowingTree, { head, vkey }: KnownLog) {
    this.session = session;
    this.identity = identity;
    this.#tree = tree;
    this.#head = head;
    this.#vkey = vkey;
  }

  /**
   * Verifies the log's tail, holding its head: a transaction of ours whose answer was lost has come to its end then, and
   * what is found is as durable as what is written next.
   * @param remembered what this instance knows from before; its head must be a prefix of what is found
   * @throws LogFault when the log does not end as it was written
   */
  static async open(session: WriterSession, ownership: Ownership, remembered?: KnownLog): Promise<Writer> {
    const [, rows] = await Promise.all([session.begin(), session.ask(lockHead, [])]);
    const row = headRow(rows, session.pid);
    const identity = await identityOf(session.ask, ownership);
    // Before the head is looked at: the new key need not be one that is known here.
    if (remembered !== undefined) assertSameKey(row.vkey, remembered.vkey, identity);
    const { tree, head } = await verifiedTail(session, row, identity, remembered?.head);
    const [, committed] = await Promise.all([session.ask(touchHead, []), session.commit()]);
    if (!committed) throw new Error("the server rolled back");
    return new Writer(session, identity, tree, { head, vkey: row.vkey });
  }

  get known(): KnownLog {
    return { head: this.#head, vkey: this.#vkey };
  }

  /**
   * Opens a transaction that holds the head, takes in what others have appended, and runs the batch in memory.
   * @param replaces the verifier key under which the log must be signed so far; any by default
   * @throws LogFault when what is there does not continue what was there; whatever it throws, `rollback` comes next
   */
  async prepare(batch: readonly Operation[], replaces?: string): Promise<PreparedBatch> {
    const { session } = this;
    const values = lookedFor(batch);
    const [, rows, [appended], found] = await Promise.all([
      session.begin(),
      session.run({ name: "lock", text: lockHead, values: [] }),
      session.run({ ...leavesFrom, values: [this.#tree.size, MAX_LEAVES + 1] }),
      values && session.run({ ...lookUp, values }),
    ]);
    const row = headRow(rows, session.pid);
    assertSameKey(row.vkey, this.#vkey, this.identity);
    await this.#follow(row, appended);
    this.#vkey = row.vkey;
    if (replaces !== undefined && row.vkey !== replaces) throw new Error("its key has changed meanwhile");
    const tables = new PostgresTables(workingSet(found?.[0]));
    const log = new LogBatch(this.#tree, this.identity);
    const drafts = ran(() => runBatch(batch, tables, log));
    const sealed = log.seal();
    const isNew = (index: number) => sealed !== undefined && index >= sealed.first;
    const older = await this.#receipts(unproven(drafts).filter((index) => !isNew(index)));
    const touch = batch.length === 0 ? [{ name: "touch", text: touchHead, values: [] }] : [];
    let outcomes: OperationOutcome[] | undefined;
    return {
      sealed,
      statements: [
        ...(sealed === undefined ? touch : appendBatch(sealed, row, this.identity.signer.verifier)),
        ...writeTables(tables, sealed),
      ],
      outcomes() {
        outcomes ??= withProofs(drafts, (index) => {
          const proof = isNew(index) ? sealed?.proofOf(index) : older.get(index);
          if (proof === undefined) throw new Error(`record ${index} was not proven`);
          return proof;
        });
        return outcomes;
      },
    };
  }

  /**
   * Writes a prepared batch and ends its transaction.
   * @returns how its operations came out; or why nothing of it was written
   * @throws Error when it may have been written or not; this writer is not to be used any more then
   */
  async commit(batch: PreparedBatch): Promise<OperationOutcome[] | { readonly rolledBack: unknown }> {
    const { session } = this;
    const answers = Promise.allSettled(batch.statements.map((statement) => session.run(statement)));
    const ended = Promise.allSettled([session.commit()]);
    // Made while the server writes.
    const outcomes = batch.outcomes();
    const failed = (await answers).find((answer) => answer.status === "rejected");
    const [end] = await ended;
    if (end.status === "rejected") throw end.reason;
    if (!end.value) return { rolledBack: failed?.reason ?? new Error("the server rolled back") };
    if (failed !== undefined) throw failed.reason;
    this.#tree.mark();
    if (batch.sealed !== undefined) {
      this.#head = batch.sealed.head;
      this.#vkey = this.identity.signer.verifier;
    }
    return outcomes;
  }

  /** @returns whether the transaction has ended without having done anything, and the session can go on */
  async rollback(): Promise<boolean> {
    this.forget();
    try {
      await this.session.rollback();
      return true;
    } catch {
      return false;
    }
  }

  /** Takes back from the tree what the transaction was to append. */
  forget(): void {
    this.#tree.rollback();
  }

  /** Whether a record of that batch is in the log. */
  async has({ rows: [first] }: SealedBatch): Promise<boolean> {
    const [row] = await this.session.ask("SELECT uid FROM records WHERE idx = $1", [first?.index]);
    return row?.["uid"] === first?.record.uid;
  }

  async #follow(row: HeadRow, appended: Row | undefined): Promise<void> {
    const leaves = hashesOf(bytes(appended?.["hashes"]));
    if (row.checkpoint === (this.#head?.checkpoint ?? null)) {
      const same = row.size === this.#tree.size && row.root.equals(this.#tree.root()) && leaves.length === 0;
      if (!same) throw new LogFault(`its head is not the one that its newest checkpoint speaks of. ${whatToDo}`);
      return;
    }
    const found = openedHead(row, this.identity);
    if (this.#head !== undefined) assertNotSmaller(found, this.#head);
    if (found === undefined || leaves.length > MAX_LEAVES) {
      ({ tree: this.#tree, head: this.#head } = await verifiedTail(this.session, row, this.identity, this.#head));
    } else {
      catchUp(this.#tree, leaves, found);
      this.#head = found;
    }
  }

  /** Proofs of records that were in the log before, in the head that is locked. */
  async #receipts(indexes: readonly number[]): Promise<ReadonlyMap<number, ProofText>> {
    const head = this.#head;
    if (indexes.length === 0 || head === undefined) return new Map();
    const tiles = await readTiles(
      this.session.ask,
      indexes.flatMap((index) => inclusionTiles(index, head.size)),
    );
    const rows = await this.session.ask("SELECT idx, body FROM records WHERE idx = ANY ($1::bigint[])", [indexes]);
    return new Map(
      rows.map((row) => {
        const index = Number(row["idx"]);
        return [index, receiptOf({ index, body: textOrNull(row["body"]) }, head, tiles)];
      }),
    );
  }
}

/** What fails in memory fails again and again: it is an operation's own fault. */
function ran<T>(run: () => T): T {
  try {
    return run();
  } catch (cause) {
    throw new BrokenRule(reasonOf(cause), { cause });
  }
}

const leavesFrom = {
  name: "leaves",
  text: `SELECT string_agg(leaf_hash, '' ORDER BY idx) AS hashes
    FROM (SELECT idx, leaf_hash FROM records WHERE idx >= $1::bigint ORDER BY idx LIMIT $2::bigint) AS appended`,
} as const;
