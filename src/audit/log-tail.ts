import { GrowingTree } from "../tlog/growing-tree.ts";
import { leafHash } from "../tlog/hash.ts";
import { consistencyProof, rootTiles } from "../tlog/proof.ts";
import { TILE_WIDTH, type TileRef, type TileSource } from "../tlog/tile.ts";
import { assertSuccession, type Head, LogFault, openHead, whatToDo } from "./head.ts";
import type { LogIdentity } from "./log-keys.ts";

/** How many of the newest records are hashed again: a transaction that tore would show in them. */
export const TAIL_RECORDS = 256;

/** The end of a log as the store has it, of one moment. */
export interface LogTail {
  /** One more than the greatest index of a record; 0 of an empty log. */
  readonly count: number;
  /** The newest signed head. */
  readonly checkpoint: string | undefined;
  /** The last `TAIL_RECORDS` records, in order. */
  readonly records: readonly { readonly index: number; readonly leafHash: Uint8Array; readonly body: string | null }[];
  /** Must have `tailTiles(count)`, and those of the consistency with the remembered head. */
  readonly tiles: TileSource;
}

/** The tiles that `verifyTail` looks at beside those of a consistency proof. */
export function tailTiles(size: number): TileRef[] {
  const tiles = rootTiles(size);
  const whole = Math.floor(size / TILE_WIDTH);
  // Its node and its leaves were written by the same transaction.
  if (whole > 0) tiles.push({ level: 0, index: whole - 1, width: TILE_WIDTH }, tileOfNode(whole - 1, size));
  return tiles;
}

/**
 * Makes sure that a log ends as it was written, without reading all of it: its newest head is signed by a key that is
 * trusted and speaks of as many records as there are; the newest records are those that were hashed; the hashes make up
 * the signed root; and what is remembered of the log is a prefix of it.
 * @param remembered what a writer knows of the log from before
 * @returns the tree, ready to grow, and its head; undefined of an empty log
 * @throws LogFault when any of that is not so
 */
export function verifyTail(
  { count, checkpoint, records, tiles }: LogTail,
  identity: LogIdentity,
  remembered?: Head,
): { readonly tree: GrowingTree; readonly head: Head | undefined } {
  const head = checkpoint === undefined ? undefined : openHead(checkpoint, identity);
  if (remembered !== undefined) assertNotSmaller(head, remembered);
  if (count !== (head?.size ?? 0)) {
    throw new LogFault(`it has ${count} records, and its newest head speaks of ${head?.size ?? 0}. ${whatToDo}`);
  }
  for (const [at, { index, leafHash: hash, body }] of records.entries()) {
    const isNext = index === count - records.length + at;
    if (!isNext || (body !== null && !leafHash(body).equals(hash))) {
      throw new LogFault(`its record ${index} is not the one that was hashed into its tree. ${whatToDo}`);
    }
  }
  try {
    const tree = GrowingTree.load(count, tiles);
    if (head !== undefined && !tree.root().equals(head.root)) {
      throw new LogFault(`its hashes do not make up the root of its newest head, of ${count} records. ${whatToDo}`);
    }
    assertLastTile(count, tiles);
    if (remembered !== undefined && head !== undefined) {
      assertSuccession({ remembered, found: head, consistency: (from, to) => consistencyProof(from, to, tiles) });
    }
    return { tree, head };
  } catch (error) {
    // What a tile source throws that has not all hashes of a tile.
    if (error instanceof RangeError) throw new LogFault(`hashes of its tree are missing. ${whatToDo}`);
    throw error;
  }
}

/**
 * Takes in what others have appended since: the tree must then be the one of the head that is found.
 * @param hashes the leaf hashes from the tree's size on
 * @throws LogFault when the found head does not continue the tree
 */
export function catchUp(tree: GrowingTree, hashes: Iterable<Uint8Array>, found: Head): void {
  const from = tree.size;
  let pending = 0;
  for (const hash of hashes) {
    tree.append(Buffer.from(hash));
    pending += 1;
    // Bounded memory, also when there is much to catch up with.
    if (pending % 4096 === 0) tree.mark();
  }
  if (tree.size !== found.size || !tree.root().equals(found.root)) {
    throw new LogFault(
      `its head of ${found.size} records does not continue the one of ${from} that was seen before. ${whatToDo}`,
    );
  }
  tree.mark();
}

/**
 * @param found the newest head in the store
 * @throws LogFault when it is smaller than the one that is remembered, or another of the same size
 */
export function assertNotSmaller(found: Head | undefined, remembered: Head): void {
  if (found === undefined || found.size <= remembered.size) {
    const proof: Uint8Array[] = [];
    const none = { size: 0, root: Buffer.alloc(0), checkpoint: "" };
    assertSuccession({ remembered, found: found ?? none, consistency: () => proof });
  }
}

function assertLastTile(size: number, tiles: TileSource): void {
  const whole = Math.floor(size / TILE_WIDTH);
  if (whole === 0) return;
  const leaves = tiles({ level: 0, index: whole - 1, width: TILE_WIDTH });
  const node = tiles(tileOfNode(whole - 1, size))[(whole - 1) % TILE_WIDTH];
  const subtree = GrowingTree.load(0, () => []);
  for (const leaf of leaves) subtree.append(Buffer.from(leaf));
  if (node === undefined || subtree.size !== TILE_WIDTH || !subtree.root().equals(node)) {
    throw new LogFault(`its records before ${whole * TILE_WIDTH} are not those of its tree. ${whatToDo}`);
  }
}

/** The tile of level 1 with the node of a complete tile of leaves, as wide as the tree has it. */
function tileOfNode(tile: number, size: number): TileRef {
  const index = Math.floor(tile / TILE_WIDTH);
  return { level: 1, index, width: Math.min(TILE_WIDTH, Math.floor(size / TILE_WIDTH) - index * TILE_WIDTH) };
}
