import type { GrowingTree, TreeNode } from "../tlog/growing-tree.ts";
import { leafHash } from "../tlog/hash.ts";
import { base64, type ProofText, proofInParts } from "../tlog/tlog-proof.ts";
import { type Head, signHead } from "./head.ts";
import type { AuditRecord, Receipt } from "./journal.ts";
import type { LogIdentity } from "./log-keys.ts";

/** A record with its place in the log. */
export interface LogRow {
  readonly index: number;
  readonly record: AuditRecord;
  readonly leafHash: Buffer;
}

/** All that a batch adds to the log, to be written in one transaction. */
export interface SealedBatch {
  /** Index of the first of the rows, which follow one another. */
  readonly first: number;
  readonly rows: readonly LogRow[];
  /** Roots of complete subtrees of 256^level leaves, level >= 1, that the batch has finished. */
  readonly nodes: readonly TreeNode[];
  readonly head: Head;
  /** A c2sp.org/tlog-proof, with its bytes, of a record of this batch in this head. To be asked before the tree's next `mark()`. */
  proofOf(index: number): ProofText;
}

/**
 * The records of one transaction on their way into the tree. The tree must be at its mark at first; when the transaction
 * comes to nothing it has to be rolled back.
 */
export class LogBatch {
  /** Index of the next record when the batch began. */
  readonly first: number;
  readonly #tree: GrowingTree;
  readonly #identity: LogIdentity;
  readonly #rows: LogRow[] = [];

  constructor(tree: GrowingTree, identity: LogIdentity) {
    this.first = tree.size;
    this.#tree = tree;
    this.#identity = identity;
  }

  append(record: AuditRecord): Receipt {
    const hash = leafHash(record.body);
    const index = this.#tree.append(hash);
    this.#rows.push({ index, record, leafHash: hash });
    return { index, leafHash: hash.toString("hex") };
  }

  /** A record that this batch has appended. */
  record(index: number): { readonly uid: string; readonly leafHash: string } | undefined {
    const row = this.#rows[index - this.first];
    return row && { uid: row.record.uid, leafHash: row.leafHash.toString("hex") };
  }

  /** @returns undefined when nothing was appended: then the head stays what it is */
  seal(): SealedBatch | undefined {
    const [tree, rows, first] = [this.#tree, this.#rows, this.first];
    if (rows.length === 0) return undefined;
    const head = signHead(this.#identity, tree.size, tree.root());
    // The upper hashes of a path are those of its neighbours too.
    const texts = new Map<Uint8Array, string>();
    const hashText = (hash: Uint8Array) => {
      const known = texts.get(hash) ?? base64(hash);
      texts.set(hash, known);
      return known;
    };
    return {
      first,
      rows,
      nodes: tree.newNodes(),
      head,
      proofOf(index) {
        const row = rows[index - first];
        if (row === undefined) throw new RangeError(`record ${index} is not of this batch`);
        const extra = Buffer.from(row.record.body);
        const proof = tree.inclusionProof(index);
        return proofInParts({ index, proof, checkpoint: head.checkpoint, extra }, hashText);
      },
    };
  }
}
