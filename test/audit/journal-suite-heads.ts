import { beforeEach, describe, expect, it } from "vitest";
import type { Journal } from "../../src/audit/journal.ts";
import { parseCheckpoint } from "../../src/tlog/checkpoint.ts";
import { GrowingTree } from "../../src/tlog/growing-tree.ts";
import { emptyRoot } from "../../src/tlog/hash.ts";
import { openNote, parseVerifier } from "../../src/tlog/note.ts";
import { verifyConsistency } from "../../src/tlog/proof.ts";
import { aChange, aDenial } from "../fixture/changes.ts";
import { nextTestKey, rotatedLogKeys, testKey, testLogKeys, testVerifiers } from "../fixture/log-keys.ts";
import type { JournalFixture } from "./journal-suite.ts";

/** The tree over the records, and its signed heads. */
export function headsSuite(given: () => JournalFixture): void {
  let fixture: JournalFixture;
  let journal: Journal;
  beforeEach(() => {
    fixture = given();
    journal = fixture.journal;
  });

  const denyMany = (count: number) =>
    Promise.all(Array.from({ length: count }, () => journal.deny(aDenial(aChange()))));
  const leaves = async () => (await fixture.records()).map(({ leafHash }) => Buffer.from(leafHash, "hex"));

  describe("the tree", () => {
    it("has a signed head for each commit, of the records up to it", async () => {
      expect(await journal.head()).toBeUndefined();
      for (const size of [1, 1, 30, 1, 300]) await denyMany(size);
      const heads = await fixture.checkpoints();
      expect(heads.map(({ size }) => size)).toEqual(expect.arrayContaining([1, 2, 333]));
      const roots = rootsOf(await leaves());
      for (const { size, note } of heads) {
        const { text, verified } = openNote(note, testVerifiers);
        expect(verified).toHaveLength(1);
        expect(parseCheckpoint(text)).toMatchObject({ origin: testLogKeys.origin, size, root: roots[size] });
      }
      const newest = heads.at(-1);
      expect(await journal.head()).toEqual({
        origin: testLogKeys.origin,
        size: newest?.size,
        root: roots[333]?.toString("hex"),
        checkpoint: newest?.note,
      });
    });

    it("keeps the hashes of full tiles, each once, and no others", async () => {
      for (const size of [255, 1, 300, 500]) await denyMany(size);
      const all = await leaves();
      const tileRoots = [0, 1, 2, 3].map((tile) => rootsOf(all.slice(256 * tile, 256 * (tile + 1)))[256]);
      expect(await fixture.nodes()).toEqual(
        tileRoots.map((root, index) => ({ level: 1, index, hash: root?.toString("hex") })),
      );
    });

    it("proves any two of its sizes consistent", async () => {
      await denyMany(256);
      await denyMany(70);
      const roots = rootsOf(await leaves());
      const sizes = [0, 1, 2, 3, 64, 100, 255, 256, 257, 300, 325, 326];
      for (const [from, to] of sizes.flatMap((a) => sizes.filter((b) => a <= b).map((b) => [a, b] as const))) {
        const proof = (await journal.consistency(from, to))?.map((hash) => Buffer.from(hash, "base64")) ?? [];
        const [fromRoot = emptyRoot, toRoot = emptyRoot] = [roots[from], roots[to]];
        expect(verifyConsistency({ from, fromRoot, to, toRoot, proof }), `${from} to ${to}`).toBe(true);
      }
      expect(await journal.consistency(1, 327)).toBeUndefined();
    });

    it("gives out its tiles, whole and partial, and none that it has not", async () => {
      for (const size of [200, 200, 200]) await denyMany(size);
      const all = await leaves();
      const tile = async (level: number, index: number, width: number) => {
        const bytes = await journal.tile({ level, index, width });
        return bytes && Buffer.from(bytes);
      };
      expect(await tile(0, 0, 256)).toEqual(Buffer.concat(all.slice(0, 256)));
      expect(await tile(0, 2, 88)).toEqual(Buffer.concat(all.slice(512)));
      expect(await tile(0, 2, 5)).toEqual(Buffer.concat(all.slice(512, 517)));
      const nodes = await fixture.nodes();
      expect(await tile(1, 0, 2)).toEqual(Buffer.concat(nodes.map(({ hash }) => Buffer.from(hash, "hex"))));
      for (const [level, index, width] of [
        [0, 2, 89],
        [0, 3, 1],
        [1, 0, 3],
        [2, 0, 1],
      ] as const) {
        expect(await tile(level, index, width), `${level}/${index}.p/${width}`).toBeUndefined();
      }
    });

    it("is one for two journals that open a new log at once", async () => {
      const both = await fixture.race();
      const receipts = await Promise.all(both.map((one) => one.deny(aDenial(aChange()))));
      expect(receipts.map(({ index }) => index).sort()).toEqual([0, 1]);
      expect(await both[0].head()).toEqual(await both[1].head());
    });
  });

  describe("the signing key", () => {
    it("can be followed by another, which the log records under the new one", async () => {
      await denyMany(3);
      journal = await fixture.reopen({ keys: rotatedLogKeys });
      const { records } = await journal.records({ from: 3, limit: 10 });
      expect(records.map(({ body }) => JSON.parse(body ?? ""))).toMatchObject([
        {
          metadata: { event_code: "lockkeeper.audit-key.changed" },
          unmapped: { former_verifier_key: testKey.verifier, verifier_key: nextTestKey.verifier },
        },
      ]);
      await denyMany(1);
      journal = await fixture.reopen({ keys: rotatedLogKeys });
      const signers = (await fixture.checkpoints()).map(({ size, note }) => {
        const known = rotatedLogKeys.trustedKeys.map(parseVerifier);
        return [size, openNote(note, known).verified.map(({ vkey }) => vkey)];
      });
      expect(signers.filter(([size]) => Number(size) >= 3)).toEqual([
        [3, [testKey.verifier]],
        [4, [nextTestKey.verifier]],
        [5, [nextTestKey.verifier]],
      ]);
      expect(await fixture.keys()).toEqual([testKey.verifier, nextTestKey.verifier]);
      expect(await fixture.records()).toHaveLength(5);
    });

    it("that signed the newest head must be trusted, or the log is not opened, which says whose it is", async () => {
      await denyMany(1);
      const keys = { ...rotatedLogKeys, trustedKeys: [nextTestKey.verifier] };
      await expect(fixture.reopen({ keys })).rejects.toMatchObject({
        code: "audit-unavailable",
        message: expect.stringMatching(/signed by a key that is not trusted here \(lockkeeper\.test\/log\+e8fce916\)/),
      });
      await expect(fixture.reopen({ keys })).rejects.toThrow(/audit\.formerKeys/);
    });

    it("does not come back once it was replaced", async () => {
      await denyMany(1);
      await fixture.reopen({ keys: rotatedLogKeys });
      const back = { ...rotatedLogKeys, signingKey: testKey.signer };
      await expect(fixture.reopen({ keys: back })).rejects.toThrow(/its key .*e8fce916 was replaced by .*6155dea4/);
      expect(await fixture.records()).toHaveLength(2);
    });

    it("is the log's own: one of another log is refused, and the log keeps its name", async () => {
      await denyMany(1);
      const origin = "lockkeeper.test/other";
      const other = {
        origin,
        signingKey: "PRIVATE+KEY+lockkeeper.test/other+bed3ee1a+AawVK8RmLHj3eFzmuKkXDf+reNlJVH2FfMjGrB73ARsq",
        trustedKeys: [],
      };
      await expect(fixture.reopen({ keys: other })).rejects.toThrow(/it is the log lockkeeper\.test\/log/);
    });
  });
}

/** Of the trees of the first 0, 1, 2, … leaves. */
function rootsOf(leaves: readonly Buffer[]): Buffer[] {
  const tree = GrowingTree.load(0, () => []);
  const roots = [tree.root()];
  for (const leaf of leaves) {
    tree.append(leaf);
    roots.push(tree.root());
  }
  return roots;
}
