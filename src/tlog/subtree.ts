import { nodeHash } from "./hash.ts";
import { TILE_WIDTH, type TileRef, type TileSource } from "./tile.ts";

/** A complete subtree: leaves `index * 2^height` up to `(index + 1) * 2^height`. */
export interface Subtree {
  readonly height: number;
  readonly index: number;
}

/** Halvings of the tree between two levels of tiles: 256 = 2^8. */
export const TILE_HEIGHT = 8;

/**
 * The complete subtrees that make up leaves `start` (inclusive) to `end` (exclusive), from left to right: the largest
 * first. `start` is a multiple of the next power of two from `end - start` on, as everywhere in RFC 6962's recursions.
 */
export function frontier(start: number, end: number): Subtree[] {
  const parts: Subtree[] = [];
  let at = start;
  let rest = end - start;
  for (let height = 52; height >= 0; height -= 1) {
    const leaves = 2 ** height;
    if (rest < leaves) continue;
    parts.push({ height, index: at / leaves });
    at += leaves;
    rest -= leaves;
  }
  return parts;
}

/** The tile that holds, or makes up, a complete subtree; as wide as the tree of `size` leaves has it. */
export function tileOf({ height, index }: Subtree, size: number): TileRef {
  const level = Math.floor(height / TILE_HEIGHT);
  const tile = Math.floor((index * 2 ** (height % TILE_HEIGHT)) / TILE_WIDTH);
  const hashes = Math.floor(size / TILE_WIDTH ** level) - tile * TILE_WIDTH;
  return { level, index: tile, width: Math.min(TILE_WIDTH, hashes) };
}

/**
 * The hash of a complete subtree of the tree of `size` leaves.
 * @throws RangeError when the source does not give as many hashes as the tile is wide
 */
export function subtreeHash(subtree: Subtree, size: number, tiles: TileSource): Buffer {
  const tile = tileOf(subtree, size);
  const row = tiles(tile);
  if (row.length !== tile.width) throw new RangeError(`a tile of width ${tile.width} came with ${row.length} hashes`);
  const count = 2 ** (subtree.height % TILE_HEIGHT);
  const from = (subtree.index * count) % TILE_WIDTH;
  let hashes = row.slice(from, from + count);
  while (hashes.length > 1) {
    const parents: Buffer[] = [];
    for (let at = 0; at + 1 < hashes.length; at += 2) {
      const [left, right] = hashes.slice(at, at + 2);
      if (left !== undefined && right !== undefined) parents.push(nodeHash(left, right));
    }
    hashes = parents;
  }
  const [hash] = hashes;
  if (hash === undefined) throw new RangeError("the subtree is not part of its tile");
  return Buffer.from(hash);
}

/** Asks the source for each tile once: it may have to read a database for it. */
export function readOnce(tiles: TileSource): TileSource {
  const read = new Map<string, readonly Uint8Array[]>();
  return (tile) => {
    const known = read.get(tileKey(tile)) ?? tiles(tile);
    read.set(tileKey(tile), known);
    return known;
  };
}

export function tileKey({ level, index }: TileRef): string {
  return `${level}/${index}`;
}
