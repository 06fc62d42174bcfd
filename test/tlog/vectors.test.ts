import { describe, expect, it } from "vitest";
import { GrowingTree } from "../../src/tlog/growing-tree.ts";
import { emptyRoot, leafHash, nodeHash } from "../../src/tlog/hash.ts";
import {
  consistencyProof,
  inclusionProof,
  rootHash,
  verifyConsistency,
  verifyInclusion,
} from "../../src/tlog/proof.ts";
import { tilesOf } from "./tree.ts";

/**
 * The well-known vectors of RFC 6962's trees: google/certificate-transparency, cpp/merkletree/merkle_tree_test.cc, and
 * transparency-dev/merkle, testonly/constants.go and proof/verify_test.go.
 */
const inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
const roots = [
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];
/** Leaf (from 0), tree size, audit path. */
const paths: [number, number, string[]][] = [
  [0, 1, []],
  [
    0,
    8,
    [
      "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
      "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
      "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
  ],
  [
    5,
    8,
    [
      "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
      "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
  ],
  [2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]],
  [
    1,
    5,
    [
      "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
      "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
      "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
  ],
];
/** Older size, newer size, consistency proof. */
const consistencies: [number, number, string[]][] = [
  [1, 1, []],
  [
    1,
    8,
    [
      "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
      "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
      "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
  ],
  [
    6,
    8,
    [
      "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
      "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
  ],
  [
    2,
    5,
    [
      "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
      "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
  ],
  [
    6,
    7,
    [
      "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
      "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
  ],
];

const bytes = (hex: string) => Buffer.from(hex, "hex");
const hex = (hash: Uint8Array) => Buffer.from(hash).toString("hex");
const leaves = inputs.map((input) => leafHash(bytes(input)));
const root = (size: number) => bytes(roots[size] ?? "");

describe("the published vectors of RFC 6962", () => {
  it("has the hashes of leaves and nodes", () => {
    expect(hex(leafHash("L123456"))).toBe("395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56");
    expect(hex(emptyRoot)).toBe(roots[0]);
    expect(leaves.map(hex).slice(0, 3)).toEqual([
      "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
      "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
      "0298d122906dcfc10892cb53a73992fc5b9f493ea4c9badb27b791b4127a7fe7",
    ]);
    expect(hex(nodeHash(leaves[0] ?? emptyRoot, leaves[1] ?? emptyRoot))).toBe(roots[2]);
  });

  it("has the roots, made from tiles and made leaf by leaf", () => {
    const tree = GrowingTree.load(0, () => []);
    const grown = [hex(tree.root())];
    for (const leaf of leaves) {
      tree.append(leaf);
      grown.push(hex(tree.root()));
    }
    expect(grown).toEqual(roots);
    expect(roots.map((_, size) => hex(rootHash(size, tilesOf(leaves.slice(0, size)))))).toEqual(roots);
  });

  it.each(paths)("has the audit path of leaf %i in the tree of %i", (index, size, path) => {
    const proof = inclusionProof(index, size, tilesOf(leaves.slice(0, size)));
    expect(proof.map(hex)).toEqual(path);
    const leaf = leaves[index] ?? emptyRoot;
    expect(verifyInclusion({ leaf, index, size, proof: path.map(bytes), root: root(size) })).toBe(true);
    const tree = GrowingTree.load(0, () => []);
    for (const each of leaves.slice(0, size)) tree.append(each);
    expect(tree.inclusionProof(index).map(hex)).toEqual(path);
  });

  it.each(consistencies)("has the consistency proof of the trees of %i and %i", (from, to, path) => {
    expect(consistencyProof(from, to, tilesOf(leaves.slice(0, to))).map(hex)).toEqual(path);
    const claim = { from, fromRoot: root(from), to, toRoot: root(to), proof: path.map(bytes) };
    expect(verifyConsistency(claim)).toBe(true);
  });
});
