import { describe, expect, it } from "vitest";
import { StreamedTree } from "../../../src/audit/verify/streamed-tree.ts";
import { GrowingTree } from "../../../src/tlog/growing-tree.ts";
import { leafHash } from "../../../src/tlog/hash.ts";

describe("the tree of a verification", () => {
  it("is at every size the one that is written, though it shares no code with it", () => {
    const [streamed, written] = [new StreamedTree(), new GrowingTree()];
    expect(streamed.root()).toEqual(written.root());
    for (let index = 0; index < 2000; index += 1) {
      const leaf = leafHash(`record ${index}`);
      streamed.append(leaf);
      written.append(leaf);
      expect(streamed.root()).toEqual(written.root());
    }
    expect(streamed.takeFinished()).toEqual(written.newNodes());
    expect(streamed.takeFinished()).toEqual([]);
  });

  it("has the nodes of higher levels", () => {
    const [streamed, written] = [new StreamedTree(), new GrowingTree()];
    const leaf = leafHash("record");
    for (let index = 0; index < 65_536 + 256; index += 1) {
      streamed.append(leaf);
      written.append(leaf);
    }
    expect(streamed.takeFinished()).toEqual(written.newNodes());
    expect(streamed.root()).toEqual(written.root());
  });
});
