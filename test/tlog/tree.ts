import { emptyRoot, leafHash, nodeHash } from "../../src/tlog/hash.ts";
import type { TileRef, TileSource } from "../../src/tlog/tile.ts";

/** RFC 6962, 2.1, word for word: MTH(D[n]). */
export function naiveRoot(leaves: readonly Buffer[]): Buffer {
  const [only] = leaves;
  if (only === undefined) return emptyRoot;
  if (leaves.length === 1) return only;
  const k = split(leaves.length);
  return nodeHash(naiveRoot(leaves.slice(0, k)), naiveRoot(leaves.slice(k)));
}

/** RFC 6962, 2.1.1, word for word: PATH(m, D[n]). */
export function naivePath(m: number, leaves: readonly Buffer[]): Buffer[] {
  if (leaves.length <= 1) return [];
  const k = split(leaves.length);
  return m < k
    ? [...naivePath(m, leaves.slice(0, k)), naiveRoot(leaves.slice(k))]
    : [...naivePath(m - k, leaves.slice(k)), naiveRoot(leaves.slice(0, k))];
}

/** RFC 6962, 2.1.2, word for word: PROOF(m, D[n]). */
export function naiveConsistency(m: number, leaves: readonly Buffer[], whole = true): Buffer[] {
  if (m === leaves.length) return whole ? [] : [naiveRoot(leaves)];
  const k = split(leaves.length);
  return m <= k
    ? [...naiveConsistency(m, leaves.slice(0, k), whole), naiveRoot(leaves.slice(k))]
    : [...naiveConsistency(m - k, leaves.slice(k), false), naiveRoot(leaves.slice(0, k))];
}

function split(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

export function someLeaves(count: number): Buffer[] {
  return Array.from({ length: count }, (_, index) => leafHash(`record ${index}`));
}

/** All complete nodes of tile levels, by level, of these leaves. */
export function tileLevels(leaves: readonly Buffer[]): Buffer[][] {
  const levels = [[...leaves]];
  for (let row = levels[0]; row !== undefined && row.length >= 256; row = levels.at(-1)) {
    const above: Buffer[] = [];
    for (let at = 0; at + 256 <= row.length; at += 256) above.push(naiveRoot(row.slice(at, at + 256)));
    levels.push(above);
  }
  return levels;
}

/** The tiles of these leaves; a tile that the tree does not have fails the test. */
export function tilesOf(leaves: readonly Buffer[]): TileSource & { readonly asked: TileRef[] } {
  const levels = tileLevels(leaves);
  const asked: TileRef[] = [];
  const source = (tile: TileRef) => {
    asked.push(tile);
    const hashes = levels[tile.level]?.slice(tile.index * 256, tile.index * 256 + tile.width) ?? [];
    if (tile.width < 1 || hashes.length !== tile.width) throw new Error(`no such tile: ${JSON.stringify(tile)}`);
    return hashes;
  };
  return Object.assign(source, { asked });
}

/** For messages that can be read, and comparisons that are quick. */
export function hex(hashes: readonly Uint8Array[]): string[] {
  return hashes.map((hash) => Buffer.from(hash).toString("hex"));
}
