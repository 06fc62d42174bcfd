import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GrowingTree } from "../../src/tlog/growing-tree.ts";
import { emptyRoot } from "../../src/tlog/hash.ts";
import { inclusionProof, rootHash, verifyInclusion } from "../../src/tlog/proof.ts";
import { hex, naivePath, naiveRoot, someLeaves, tileLevels, tilesOf } from "./tree.ts";

const none = () => [];
const grown = (leaves: readonly Buffer[]) => {
  const tree = GrowingTree.load(0, none);
  for (const leaf of leaves) tree.append(leaf);
  return tree;
};

describe("a growing tree", () => {
  it("is RFC 6962's tree at every size", () => {
    const leaves = someLeaves(1500);
    const tiles = tilesOf(leaves);
    const tree = GrowingTree.load(0, none);
    expect(tree.root()).toEqual(emptyRoot);
    leaves.forEach((leaf, index) => {
      expect(tree.append(leaf)).toBe(index);
      expect(tree.size).toBe(index + 1);
      expect(tree.root()).toEqual(rootHash(index + 1, tiles));
      // The naive recursion takes long: at all small sizes and around tiles.
      if (index < 70 || Math.abs((index % 256) - 255) < 2 || index % 97 === 0)
        expect(tree.root()).toEqual(naiveRoot(leaves.slice(0, index + 1)));
    });
  });

  it("proves every leaf since the mark, and refuses the others", () => {
    const leaves = someLeaves(40);
    for (let marked = 0; marked <= 20; marked += 1) {
      for (let size = marked; size <= 40; size += 1) {
        const tree = grown(leaves.slice(0, marked));
        tree.mark();
        for (const leaf of leaves.slice(marked, size)) tree.append(leaf);
        for (let index = marked; index < size; index += 1)
          expect(hex(tree.inclusionProof(index))).toEqual(hex(naivePath(index, leaves.slice(0, size))));
        for (const index of [marked - 1, size, -1, 0.5, Number.NaN])
          if (index < marked || index >= size || !Number.isInteger(index))
            expect(() => tree.inclusionProof(index)).toThrow(RangeError);
      }
    }
  });

  it("goes on from the tiles of any size as if it had never stopped", () => {
    const leaves = someLeaves(800);
    const tiles = tilesOf(leaves);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 799 }), fc.integer({ min: 0, max: 30 }), (size, more) => {
        const all = leaves.slice(0, size + more);
        const tree = GrowingTree.load(size, tiles);
        expect(tree.root()).toEqual(rootHash(size, tiles));
        for (const leaf of all.slice(size)) tree.append(leaf);
        expect(tree.root()).toEqual(rootHash(all.length, tiles));
        for (let index = size; index < all.length; index += 1)
          expect(hex(tree.inclusionProof(index))).toEqual(hex(inclusionProof(index, all.length, tiles)));
      }),
    );
  });

  it("goes back to the last mark, however much came after it", () => {
    const leaves = someLeaves(700);
    fc.assert(
      fc.property(fc.nat(300), fc.nat(300), fc.nat(90), (marked, taken, kept) => {
        const tree = grown(leaves.slice(0, marked));
        tree.mark();
        for (const leaf of leaves.slice(400, 400 + taken)) tree.append(leaf);
        tree.root();
        tree.rollback();
        expect(tree.size).toBe(marked);
        expect(tree.newNodes()).toEqual([]);
        expect(tree.root()).toEqual(grown(leaves.slice(0, marked)).root());
        const again = leaves.slice(marked, marked + kept);
        for (const leaf of again) tree.append(leaf);
        const straight = grown(leaves.slice(0, marked));
        straight.mark();
        for (const leaf of again) straight.append(leaf);
        expect(tree.root()).toEqual(straight.root());
        expect(tree.newNodes()).toEqual(straight.newNodes());
        for (let index = marked; index < tree.size; index += 1)
          expect(hex(tree.inclusionProof(index))).toEqual(hex(straight.inclusionProof(index)));
      }),
    );
  });

  it("rolls back to what was loaded when there was no mark yet", () => {
    const leaves = someLeaves(300);
    const tree = GrowingTree.load(257, tilesOf(leaves));
    const root = tree.root();
    for (const leaf of leaves.slice(257)) tree.append(leaf);
    tree.rollback();
    expect(tree.root()).toEqual(root);
    const empty = grown(leaves);
    empty.rollback();
    expect(empty.root()).toEqual(emptyRoot);
  });

  it("hands out each finished node of the tile levels once, across tile boundaries and marks", () => {
    const leaves = someLeaves(65_536 + 513);
    const levels = tileLevels(leaves);
    const tree = GrowingTree.load(0, none);
    const found: Buffer[][] = levels.map(() => []);
    leaves.forEach((leaf, at) => {
      tree.append(leaf);
      if (at % 77 !== 0 && at !== leaves.length - 1) return;
      for (const { level, index, hash } of tree.newNodes()) {
        expect(index).toBe(found[level]?.length);
        found[level]?.push(hash);
      }
      tree.mark();
      expect(tree.newNodes()).toEqual([]);
    });
    expect(found.slice(1)).toEqual(levels.slice(1));
    expect(levels.map((level) => level.length)).toEqual([66_049, 258, 1]);
    expect(tree.root()).toEqual(rootHash(leaves.length, tilesOf(leaves)));
  });

  it("loads a large tree from a handful of tiles, at every edge of them", () => {
    const leaves = someLeaves(65_537 + 300);
    for (const size of [255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, 65_536 + 257]) {
      const tiles = tilesOf(leaves.slice(0, size));
      const tree = GrowingTree.load(size, tiles);
      expect(tiles.asked.length).toBeLessThanOrEqual(3);
      const before = rootHash(size, tiles);
      expect(tree.root()).toEqual(before);
      const all = leaves.slice(0, size + 3);
      for (const leaf of all.slice(size)) tree.append(leaf);
      const root = tree.root();
      expect(root).toEqual(rootHash(all.length, tilesOf(all)));
      for (const [offset, leaf] of all.slice(size).entries()) {
        const index = size + offset;
        const proof = tree.inclusionProof(index);
        expect(verifyInclusion({ leaf, index, size: all.length, proof, root })).toBe(true);
      }
    }
  });

  it("does not take a tile of another width, nor hashes of another length", () => {
    for (const width of [0, 2, 4]) expect(() => GrowingTree.load(3, () => someLeaves(width))).toThrow(RangeError);
    expect(() => GrowingTree.load(3, () => [Buffer.alloc(31), Buffer.alloc(32), Buffer.alloc(32)])).toThrow(RangeError);
  });
});
