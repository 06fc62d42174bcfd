import { emptyRoot, HASH_BYTES, nodeHash } from "./hash.ts";
import { auditPath, consistencyPath, isCount, type Range } from "./path.ts";
import { frontier, readOnce, subtreeHash, tileKey, tileOf } from "./subtree.ts";
import type { TileRef, TileSource } from "./tile.ts";

/** The tiles that `rootHash` of the first `size` leaves reads. */
export function rootTiles(size: number): TileRef[] {
  return tilesOf([{ start: 0, end: size }], size);
}

/** RFC 6962, 2.1: the Merkle tree hash of the first `size` leaves. */
export function rootHash(size: number, tiles: TileSource): Buffer {
  return rangeHash({ start: 0, end: size }, size, readOnce(tiles));
}

/** The tiles that `inclusionProof` reads. */
export function inclusionTiles(index: number, size: number): TileRef[] {
  return tilesOf(auditPath(index, size), size);
}

/**
 * RFC 6962, 2.1.1: the audit path of a leaf, from its sibling up.
 * @throws RangeError unless 0 <= index < size
 */
export function inclusionProof(index: number, size: number, tiles: TileSource): Buffer[] {
  const source = readOnce(tiles);
  return auditPath(index, size).map((range) => rangeHash(range, size, source));
}

/** The tiles that `consistencyProof` reads; those of the tree of `to` leaves. */
export function consistencyTiles(from: number, to: number): TileRef[] {
  return tilesOf(consistencyPath(from, to), to);
}

/**
 * RFC 6962, 2.1.2: that the tree of `from` leaves is a prefix of that of `to`. Empty when either is all of it or nothing.
 * @throws RangeError unless 0 <= from <= to
 */
export function consistencyProof(from: number, to: number, tiles: TileSource): Buffer[] {
  const source = readOnce(tiles);
  return consistencyPath(from, to).map((range) => rangeHash(range, to, source));
}

export interface InclusionClaim {
  readonly leaf: Uint8Array;
  readonly index: number;
  /** Leaves in the tree. */
  readonly size: number;
  readonly proof: readonly Uint8Array[];
  readonly root: Uint8Array;
}

/**
 * RFC 9162, 2.1.3.2: whether the leaf with this hash is leaf `index` of the tree of `size` leaves with this root. Never
 * throws: all of it may be hostile.
 */
export function verifyInclusion({ leaf, index, size, proof, root }: InclusionClaim): boolean {
  if (!isCount(index) || !isCount(size) || index >= size) return false;
  if (![leaf, root, ...proof].every(isHash)) return false;
  let at = index;
  let last = size - 1;
  let hash: Uint8Array = leaf;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      hash = nodeHash(sibling, hash);
      // Where the right edge has no sibling, it moves up as it is.
      while (at % 2 === 0 && at !== 0) {
        at /= 2;
        last = half(last);
      }
    } else {
      hash = nodeHash(hash, sibling);
    }
    at = half(at);
    last = half(last);
  }
  return last === 0 && isSame(hash, root);
}

export interface ConsistencyClaim {
  /** Leaves in the older tree. */
  readonly from: number;
  readonly fromRoot: Uint8Array;
  /** Leaves in the newer tree. */
  readonly to: number;
  readonly toRoot: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/**
 * RFC 9162, 2.1.4.2: whether the older tree is a prefix of the newer one. The empty tree is one of any. Never throws: all
 * of it may be hostile.
 */
export function verifyConsistency({ from, fromRoot, to, toRoot, proof }: ConsistencyClaim): boolean {
  if (!isCount(from) || !isCount(to) || from > to) return false;
  if (![fromRoot, toRoot, ...proof].every(isHash)) return false;
  if (from === to) return proof.length === 0 && isSame(fromRoot, toRoot) && (to > 0 || isSame(toRoot, emptyRoot));
  if (from === 0) return proof.length === 0 && isSame(fromRoot, emptyRoot);

  let at = from - 1;
  let last = to - 1;
  while (at % 2 === 1) {
    at = half(at);
    last = half(last);
  }
  // A whole subtree is its own proof: its root is the old root.
  const path = at === 0 ? [fromRoot, ...proof] : proof;
  const [first, ...siblings] = path;
  if (first === undefined) return false;
  let older = first;
  let newer = first;
  for (const sibling of siblings) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      older = nodeHash(sibling, older);
      newer = nodeHash(sibling, newer);
      while (at % 2 === 0 && at !== 0) {
        at /= 2;
        last = half(last);
      }
    } else {
      newer = nodeHash(newer, sibling);
    }
    at = half(at);
    last = half(last);
  }
  return last === 0 && isSame(older, fromRoot) && isSame(newer, toRoot);
}

function rangeHash({ start, end }: Range, size: number, tiles: TileSource): Buffer {
  const parts = frontier(start, end);
  let hash: Buffer | undefined;
  for (const part of parts.reverse()) {
    const left = subtreeHash(part, size, tiles);
    hash = hash === undefined ? left : nodeHash(left, hash);
  }
  return hash ?? emptyRoot;
}

function tilesOf(ranges: readonly Range[], size: number): TileRef[] {
  const subtrees = ranges.flatMap(({ start, end }) => frontier(start, end));
  const tiles = new Map(subtrees.map((subtree) => tileOf(subtree, size)).map((tile) => [tileKey(tile), tile]));
  return [...tiles.values()];
}

function half(n: number): number {
  return Math.floor(n / 2);
}

function isHash(bytes: Uint8Array): boolean {
  return bytes.length === HASH_BYTES;
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}
