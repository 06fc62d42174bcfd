import { emptyRoot, nodeHash } from "./hash.ts";
import { frontier, readOnce, type Subtree, subtreeHash, TILE_HEIGHT } from "./subtree.ts";
import type { TileSource } from "./tile.ts";

/** The root of a complete subtree of 256^level leaves. */
export interface TreeNode {
  readonly level: number;
  /** Which one of its level, counted from 0. */
  readonly index: number;
  readonly hash: Buffer;
}

/**
 * The right edge of an RFC 6962 tree, as far as it takes to append leaves and to prove them: the complete subtrees that
 * the tree had at the last `mark()`, and all hashes since then. Memory and time grow with the batch, not with the log.
 */
export class GrowingTree {
  #size = 0;
  #marked = 0;
  /**
   * Hashes of complete subtrees of 2^n leaves. Of those before the mark only the one is kept that is a left child without
   * its right one yet; the first that is kept has an even number, so that children stand in pairs.
   */
  #levels: { first: number; hashes: Buffer[] }[] = [];
  /** Of each level, the hash of the leaves behind its last complete subtree, and then the root; made when asked for. */
  #ragged: (Buffer | undefined)[] | undefined;
  #newNodes: TreeNode[] = [];

  /** The tree of the first `size` leaves. Reads the tiles of its right edge only: O(log n). */
  static load(size: number, tiles: TileSource): GrowingTree {
    const tree = new GrowingTree();
    tree.#size = size;
    for (let count = size; count > 0; count = Math.floor(count / 2)) {
      tree.#levels.push({ first: count - (count % 2), hashes: [] });
    }
    const source = readOnce(tiles);
    for (const part of frontier(0, size)) tree.#levels[part.height]?.hashes.push(subtreeHash(part, size, source));
    tree.#marked = size;
    return tree;
  }

  /** Leaves in the tree. */
  get size(): number {
    return this.#size;
  }

  /** RFC 6962, 2.1: the Merkle tree hash of all leaves. */
  root(): Buffer {
    return this.#tails()[this.#levels.length] ?? emptyRoot;
  }

  /** @returns the leaf's index */
  append(leaf: Buffer): number {
    const index = this.#size;
    this.#size += 1;
    this.#ragged = undefined;
    let hash = leaf;
    let at = index;
    for (let height = 0; ; height += 1) {
      let level = this.#levels[height];
      if (level === undefined) {
        level = { first: 0, hashes: [] };
        this.#levels.push(level);
      }
      level.hashes.push(hash);
      if (height > 0 && height % TILE_HEIGHT === 0)
        this.#newNodes.push({ level: height / TILE_HEIGHT, index: at, hash });
      if (at % 2 === 0) return index;
      hash = nodeHash(this.#hash({ height, index: at - 1 }), hash);
      at = (at - 1) / 2;
    }
  }

  /** Roots of complete subtrees of 256^level leaves, level >= 1, that were finished since the last `mark()`. */
  newNodes(): readonly TreeNode[] {
    return this.#newNodes;
  }

  /** What was appended is durable: it is never taken back, and need not be proven any more. */
  mark(): void {
    let count = this.#size;
    for (const level of this.#levels) {
      const open = count % 2;
      level.hashes = open === 1 ? level.hashes.slice(-1) : [];
      level.first = count - open;
      count = (count - open) / 2;
    }
    this.#marked = this.#size;
    this.#newNodes = [];
  }

  /** Takes back everything that was appended since the last `mark()`, or since the tree was loaded. */
  rollback(): void {
    let count = this.#marked;
    for (const level of this.#levels) {
      level.hashes.length = count % 2;
      count = Math.floor(count / 2);
    }
    this.#size = this.#marked;
    this.#ragged = undefined;
    this.#newNodes = [];
  }

  /**
   * RFC 6962, 2.1.1: the audit path of a leaf that was appended since the last `mark()`, in the tree as it is now.
   * @throws RangeError for any other leaf
   */
  inclusionProof(index: number): Buffer[] {
    if (!Number.isSafeInteger(index) || index < this.#marked || index >= this.#size)
      throw new RangeError("only leaves that were appended since the last mark can be proven");
    const ragged = this.#tails();
    const path: Buffer[] = [];
    let at = index;
    let count = this.#size;
    for (let height = 0; height < this.#levels.length; height += 1) {
      if (at % 2 === 1) {
        path.push(this.#hash({ height, index: at - 1 }));
      } else if (at + 1 < count) {
        path.push(this.#hash({ height, index: at + 1 }));
      } else if (at + 1 === count) {
        // The sibling is cut off by the end of the tree, or is not there at all.
        const tail = ragged[height];
        if (tail !== undefined) path.push(tail);
      }
      at = Math.floor(at / 2);
      count = Math.floor(count / 2);
    }
    return path;
  }

  #hash({ height, index }: Subtree): Buffer {
    const level = this.#levels[height];
    const hash = level?.hashes[index - level.first];
    if (hash === undefined) throw new RangeError(`the tree does not hold subtree ${index} of height ${height}`);
    return hash;
  }

  #tails(): (Buffer | undefined)[] {
    if (this.#ragged !== undefined) return this.#ragged;
    const tails: (Buffer | undefined)[] = [undefined];
    let tail: Buffer | undefined;
    let count = this.#size;
    for (let height = 0; height < this.#levels.length; height += 1) {
      if (count % 2 === 1) {
        const last = this.#hash({ height, index: count - 1 });
        tail = tail === undefined ? last : nodeHash(last, tail);
      }
      tails.push(tail);
      count = Math.floor(count / 2);
    }
    this.#ragged = tails;
    return tails;
  }
}
