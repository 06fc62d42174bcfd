import { hash } from "node:crypto";
import type { TreeNode } from "../../tlog/growing-tree.ts";
import { emptyRoot, HASH_BYTES } from "../../tlog/hash.ts";

/** Halvings of the tree between two levels of tiles: 256 = 2^8. */
const TILE_HEIGHT = 8;

/** RFC 6962, 2.1: 0x01, and room for two hashes. Reused, because nothing of it outlives a call. */
const node = Buffer.alloc(1 + 2 * HASH_BYTES, 1);

/**
 * An RFC 6962 tree of which nothing is kept but its right edge. It shares no code with the tree of those who write, so
 * that a mistake in the one shows in the other, and keeps hashes as strings of bytes, which Node makes and copies in half
 * the time of buffers.
 */
export class StreamedTree {
  /** Leaves in the tree. */
  size = 0;
  /** Of each height, the complete subtree that waits for its right neighbour; where the size has no such bit, a stale one. */
  readonly #edge: string[] = [];
  #finished: TreeNode[] = [];

  append(leaf: Buffer): void {
    let subtree = leaf.toString("latin1");
    let index = this.size;
    let height = 0;
    for (; index % 2 === 1; height += 1) {
      subtree = parent(this.#edge[height] ?? "", subtree);
      index = (index - 1) / 2;
      if ((height + 1) % TILE_HEIGHT === 0) {
        this.#finished.push({ level: (height + 1) / TILE_HEIGHT, index, hash: Buffer.from(subtree, "latin1") });
      }
    }
    this.#edge[height] = subtree;
    this.size += 1;
  }

  /** RFC 6962, 2.1: the Merkle tree hash of all leaves. */
  root(): Buffer {
    let root: string | undefined;
    let rest = this.size;
    for (let height = 0; rest > 0; height += 1) {
      const subtree = this.#edge[height] ?? "";
      if (rest % 2 === 1) root = root === undefined ? subtree : parent(subtree, root);
      rest = Math.floor(rest / 2);
    }
    return root === undefined ? emptyRoot : Buffer.from(root, "latin1");
  }

  /** Roots of complete subtrees of 256^level leaves, level >= 1, that were finished since the last call. */
  takeFinished(): readonly TreeNode[] {
    const finished = this.#finished;
    this.#finished = [];
    return finished;
  }
}

function parent(left: string, right: string): string {
  node.write(left, 1, "latin1");
  node.write(right, 1 + HASH_BYTES, "latin1");
  return hash("sha256", node, "binary");
}
