import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { emptyRoot, leafHash, nodeHash } from "../../src/tlog/hash.ts";
import {
  consistencyProof,
  consistencyTiles,
  inclusionProof,
  inclusionTiles,
  rootHash,
  rootTiles,
  verifyConsistency,
  verifyInclusion,
} from "../../src/tlog/proof.ts";
import type { TileRef } from "../../src/tlog/tile.ts";
import { hex, naiveConsistency, naivePath, naiveRoot, someLeaves, tilesOf } from "./tree.ts";

const SMALL = 33;
const leaves = someLeaves(SMALL);
const other = leafHash("another record");
/** Of small trees, by size. */
const roots = Array.from({ length: SMALL + 1 }, (_, size) => naiveRoot(leaves.slice(0, size)));
const root = (size: number) => roots[size] ?? emptyRoot;
const leafAt = (index: number) => leaves[index] ?? other;

/** Every way of changing one bit of one of these hashes. */
function* bitFlips(hashes: readonly Buffer[]): Generator<Buffer[]> {
  for (const [at, hash] of hashes.entries()) {
    for (let bit = 0; bit < 256; bit += 1) {
      const changed = Buffer.from(hash);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      yield hashes.toSpliced(at, 1, changed);
    }
  }
}

/** Every way of leaving a hash out, putting one in, or swapping two. */
function* reshapings(hashes: readonly Buffer[], extra: readonly Buffer[]): Generator<Buffer[]> {
  for (let at = 0; at <= hashes.length; at += 1) {
    if (at < hashes.length) yield hashes.toSpliced(at, 1);
    for (const hash of [...extra, ...hashes]) yield hashes.toSpliced(at, 0, hash);
    const [first, second] = hashes.slice(at, at + 2);
    if (first !== undefined && second !== undefined) yield hashes.toSpliced(at, 2, second, first);
  }
  for (let end = 0; end < hashes.length; end += 1) yield hashes.slice(0, end);
  yield hashes
    .map((hash, at) => (at === 0 ? hash.subarray(1) : hash))
    .filter((_, at) => at < Math.max(hashes.length, 1));
}

describe("inclusion proofs", () => {
  it("are RFC 6962's, for every leaf of every small tree, and verify", () => {
    for (let size = 0; size <= SMALL; size += 1) {
      const tiles = tilesOf(leaves.slice(0, size));
      expect(rootHash(size, tiles)).toEqual(root(size));
      for (let index = 0; index < size; index += 1) {
        const proof = inclusionProof(index, size, tiles);
        expect(hex(proof)).toEqual(hex(naivePath(index, leaves.slice(0, size))));
        expect(verifyInclusion({ leaf: leafAt(index), index, size, proof, root: root(size) })).toBe(true);
      }
    }
  });

  it("hold for no other leaf, index, height or root", () => {
    for (let size = 1; size <= SMALL; size += 1) {
      for (let index = 0; index < size; index += 1) {
        const claim = {
          leaf: leafAt(index),
          index,
          size,
          proof: naivePath(index, leaves.slice(0, size)),
          root: root(size),
        };
        for (let at = -1; at <= SMALL; at += 1) {
          if (at !== index) expect(verifyInclusion({ ...claim, index: at })).toBe(false);
          if (at !== index) expect(verifyInclusion({ ...claim, leaf: leafAt(at) })).toBe(false);
          if (at !== size) expect(verifyInclusion({ ...claim, root: root(at) })).toBe(false);
        }
        for (const wrong of [size * 2, Math.floor(size / 2), 0, -1, index, Number.NaN, 2 ** 60, 0.5])
          expect(verifyInclusion({ ...claim, size: wrong })).toBe(false);
        expect(verifyInclusion({ ...claim, index: index + 0.5 })).toBe(false);
        expect(verifyInclusion({ ...claim, leaf: claim.leaf.subarray(1) })).toBe(false);
        expect(verifyInclusion({ ...claim, root: Buffer.alloc(0) })).toBe(false);
      }
    }
  });

  it("hold with no single bit changed, and with no hash more, less or elsewhere", () => {
    for (const size of [1, 2, 3, 7, 8, 11]) {
      for (let index = 0; index < size; index += 1) {
        const proof = naivePath(index, leaves.slice(0, size));
        const claim = { leaf: leafAt(index), index, size, proof, root: root(size) };
        expect(verifyInclusion(claim)).toBe(true);
        for (const changed of bitFlips(proof)) expect(verifyInclusion({ ...claim, proof: changed })).toBe(false);
        for (const changed of reshapings(proof, [claim.leaf, claim.root, other]))
          if (hex(changed).join() !== hex(proof).join())
            expect(verifyInclusion({ ...claim, proof: changed })).toBe(false);
        for (const [leaf = other] of bitFlips([claim.leaf])) expect(verifyInclusion({ ...claim, leaf })).toBe(false);
        for (const [flipped = other] of bitFlips([claim.root]))
          expect(verifyInclusion({ ...claim, root: flipped })).toBe(false);
      }
    }
  });

  it("end at the root: a longer way to it proves nothing of a smaller tree", () => {
    for (let size = 1; size <= 8; size += 1) {
      for (let index = 0; index < size; index += 1) {
        const proof = [...naivePath(index, leaves.slice(0, size)), other];
        const claim = { leaf: leafAt(index), index, size, proof };
        for (const above of [nodeHash(other, root(size)), nodeHash(root(size), other)])
          expect(verifyInclusion({ ...claim, root: above })).toBe(false);
      }
    }
  });

  it("are made only of leaves that the tree has", () => {
    for (const [index, size] of [
      [0, 0],
      [5, 5],
      [-1, 5],
      [0.5, 5],
      [0, Number.NaN],
      [0, 2 ** 53],
    ] as const)
      expect(() => inclusionProof(index, size, tilesOf(leaves))).toThrow(RangeError);
  });
});

describe("consistency proofs", () => {
  it("are RFC 6962's, for all pairs of small trees, and verify", () => {
    for (let to = 0; to <= SMALL; to += 1) {
      const tiles = tilesOf(leaves.slice(0, to));
      for (let from = 0; from <= to; from += 1) {
        const proof = consistencyProof(from, to, tiles);
        if (from > 0) expect(hex(proof)).toEqual(hex(naiveConsistency(from, leaves.slice(0, to))));
        expect(verifyConsistency({ from, fromRoot: root(from), to, toRoot: root(to), proof })).toBe(true);
      }
    }
  });

  it("hold for no other older or newer tree", () => {
    for (let to = 0; to <= SMALL; to += 1) {
      for (let from = 0; from <= to; from += 1) {
        const proof = consistencyProof(from, to, tilesOf(leaves.slice(0, to)));
        const claim = { from, fromRoot: root(from), to, toRoot: root(to), proof };
        for (let size = 0; size <= SMALL; size += 1) {
          if (size !== from) expect(verifyConsistency({ ...claim, fromRoot: root(size) })).toBe(false);
          // The empty tree is a prefix of every tree: its proof says nothing about the newer one.
          if (size !== to && from > 0) expect(verifyConsistency({ ...claim, toRoot: root(size) })).toBe(false);
        }
        expect(verifyConsistency({ ...claim, fromRoot: other })).toBe(false);
        if (from > 0) expect(verifyConsistency({ ...claim, toRoot: other })).toBe(false);
        if (from !== to) expect(verifyConsistency({ ...claim, from: to, to: from })).toBe(false);
        // A tree of another height has a longer way up.
        if (from > 0) expect(verifyConsistency({ ...claim, to: 2 * to })).toBe(false);
        for (const wrong of [-1, 0.5, Number.NaN, 2 ** 60]) {
          expect(verifyConsistency({ ...claim, from: wrong })).toBe(false);
          if (wrong < 1) expect(verifyConsistency({ ...claim, to: wrong })).toBe(false);
        }
      }
    }
  });

  it("hold with no single bit changed, and with no hash more, less or elsewhere", () => {
    for (const [from, to] of [
      [0, 5],
      [1, 1],
      [1, 2],
      [2, 5],
      [3, 7],
      [4, 8],
      [6, 8],
      [6, 11],
      [7, 11],
      [11, 11],
    ] as const) {
      const proof = consistencyProof(from, to, tilesOf(leaves.slice(0, to)));
      const claim = { from, fromRoot: root(from), to, toRoot: root(to), proof };
      expect(verifyConsistency(claim)).toBe(true);
      for (const changed of bitFlips(proof)) expect(verifyConsistency({ ...claim, proof: changed })).toBe(false);
      for (const changed of reshapings(proof, [root(from), root(to), other]))
        if (hex(changed).join() !== hex(proof).join())
          expect(verifyConsistency({ ...claim, proof: changed })).toBe(false);
      for (const [fromRoot = other] of bitFlips([claim.fromRoot]))
        expect(verifyConsistency({ ...claim, fromRoot })).toBe(false);
      if (from > 0)
        for (const [toRoot = other] of bitFlips([claim.toRoot]))
          expect(verifyConsistency({ ...claim, toRoot })).toBe(false);
    }
  });

  it("end at the root: a longer way to it proves nothing of smaller trees", () => {
    for (let to = 1; to <= 8; to += 1) {
      for (let from = 1; from <= to; from += 1) {
        const proof = [...consistencyProof(from, to, tilesOf(leaves.slice(0, to))), other];
        const fromRoot = nodeHash(other, root(from));
        for (const toRoot of [nodeHash(other, root(to)), nodeHash(root(to), other)])
          for (const older of [fromRoot, root(from)])
            expect(verifyConsistency({ from, fromRoot: older, to, toRoot, proof })).toBe(false);
      }
    }
  });

  it("are made only towards a larger tree", () => {
    for (const [from, to] of [
      [6, 5],
      [-1, 5],
      [0.5, 5],
      [1, Number.NaN],
    ] as const)
      expect(() => consistencyProof(from, to, tilesOf(leaves))).toThrow(RangeError);
  });
});

describe("proofs of larger trees", () => {
  const many = someLeaves(65_537 + 256);
  const sizes = [255, 256, 257, 511, 512, 513, 1500, 65_535, 65_536, 65_537, many.length];
  const paths = new Map(sizes.map((size) => [size, { size, tiles: tilesOf(many.slice(0, size)) }]));
  const tree = (size: number) => paths.get(size) ?? { size, tiles: tilesOf(many.slice(0, size)) };
  const names = (tiles: readonly TileRef[]) => tiles.map((tile) => JSON.stringify(tile)).toSorted();

  it("are those of the naive recursion around every tile boundary", () => {
    for (const size of sizes) {
      const { tiles } = tree(size);
      const all = many.slice(0, size);
      expect(rootHash(size, tiles)).toEqual(naiveRoot(all));
      for (const index of [0, 256, size - 1].filter((at) => at >= 0 && at < size))
        expect(hex(inclusionProof(index, size, tiles))).toEqual(hex(naivePath(index, all)));
      for (const from of [1, 256, size - 1].filter((at) => at > 0 && at <= size))
        expect(hex(consistencyProof(from, size, tiles))).toEqual(hex(naiveConsistency(from, all)));
    }
  });

  it("read just the tiles that they name, each once, and few of them", () => {
    fc.assert(
      fc.property(fc.constantFrom(...sizes), fc.nat(), fc.nat(), (size, at, before) => {
        const index = at % size;
        const from = before % (size + 1);
        const { tiles } = tree(size);
        const reading = (read: () => unknown) => {
          tiles.asked.length = 0;
          read();
          return names(tiles.asked);
        };
        expect(reading(() => rootHash(size, tiles))).toEqual(names(rootTiles(size)));
        expect(reading(() => inclusionProof(index, size, tiles))).toEqual(names(inclusionTiles(index, size)));
        expect(reading(() => consistencyProof(from, size, tiles))).toEqual(names(consistencyTiles(from, size)));
        expect(inclusionTiles(index, size).length).toBeLessThanOrEqual(2 * 3);
        expect(consistencyTiles(from, size).length).toBeLessThanOrEqual(2 * 3);
      }),
    );
  });

  it("verify for any leaf and any older tree", () => {
    fc.assert(
      fc.property(fc.constantFrom(...sizes), fc.nat(), fc.nat(), (size, at, before) => {
        const { tiles } = tree(size);
        const index = at % size;
        const newest = rootHash(size, tiles);
        const leaf = many[index] ?? other;
        const proof = inclusionProof(index, size, tiles);
        expect(verifyInclusion({ leaf, index, size, proof, root: newest })).toBe(true);
        expect(verifyInclusion({ leaf: other, index, size, proof, root: newest })).toBe(false);
        const from = before % (size + 1);
        const path = consistencyProof(from, size, tiles);
        const fromRoot = rootHash(from, tilesOf(many.slice(0, from)));
        expect(verifyConsistency({ from, fromRoot, to: size, toRoot: newest, proof: path })).toBe(true);
        if (from > 0 && from < size)
          expect(verifyConsistency({ from, fromRoot: other, to: size, toRoot: newest, proof: path })).toBe(false);
      }),
      { numRuns: 30 },
    );
  });
});
