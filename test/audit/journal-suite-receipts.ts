import { beforeEach, describe, expect, it } from "vitest";
import type { Journal, ProvenReceipt } from "../../src/audit/journal.ts";
import { parseCheckpoint } from "../../src/tlog/checkpoint.ts";
import { leafHash } from "../../src/tlog/hash.ts";
import { openNote } from "../../src/tlog/note.ts";
import { type ProofText, parseProof, proofText, verifyProof } from "../../src/tlog/tlog-proof.ts";
import { aChange, aDenial, anIntent } from "../fixture/changes.ts";
import { testVerifiers as verifiers } from "../fixture/log-keys.ts";
import { applied, ended, keyChange, now, readBack, unknown } from "./journal-samples.ts";
import type { JournalFixture } from "./journal-suite.ts";

/** The bytes that a receipt proves, after it has been verified with the public key alone. */
export function provenBody({ proof, index, leafHash: hash }: ProvenReceipt): string {
  const verified = verifyProof(proofText(proof), { verifiers });
  expect(verified.index).toBe(index);
  expect(leafHash(verified.entry).toString("hex")).toBe(hash);
  return Buffer.from(verified.entry).toString();
}

/** Receipts that their holder can check. */
export function receiptsSuite(given: () => JournalFixture): void {
  let fixture: JournalFixture;
  let journal: Journal;
  beforeEach(() => {
    fixture = given();
    journal = fixture.journal;
  });

  /** As many denials as one commit can take, handed in at once. */
  const denyMany = (count: number) => {
    const denials = Array.from({ length: count }, () => aDenial(aChange()));
    return Promise.all(denials.map(async (denial) => ({ denial, receipt: await journal.deny(denial) })));
  };

  describe("receipts", () => {
    it("prove with the public key alone what was recorded, whatever shared their commit", async () => {
      for (const size of [1, 2, 3, 5, 8, 17, 1]) {
        for (const { denial, receipt } of await denyMany(size)) {
          expect(provenBody(receipt)).toBe(denial.record.body);
        }
      }
      const change = aChange();
      await journal.begin(anIntent(change, now));
      const conclusion = ended(change, applied);
      const [finished, ...others] = await Promise.all([
        journal.finish(change.id, conclusion),
        journal.note(aDenial(aChange()).record),
        journal.deny(aDenial(aChange())),
      ]);
      expect(provenBody(finished)).toBe(conclusion.record.body);
      expect(others.map(({ index }) => index)).toEqual([finished.index + 1, finished.index + 2]);
    });

    it("prove it across the edges of tiles, and of a commit that finishes several", async () => {
      for (const size of [250, 12, 600, 1, 161, 1]) {
        const made = await denyMany(size);
        for (const { denial, receipt } of [...made.slice(0, 8), ...made.slice(-8)]) {
          expect(provenBody(receipt)).toBe(denial.record.body);
        }
      }
      expect((await journal.head())?.size).toBe(1025);
    });

    it("come with a proof for a step that was recorded before, in the newest tree", async () => {
      const change = aChange();
      await journal.begin(anIntent(change, now));
      const conclusion = ended(change, unknown);
      const first = await journal.finish(change.id, conclusion);
      await denyMany(3);
      const again = await journal.finish(change.id, conclusion);
      expect(again).toMatchObject({ index: first.index, leafHash: first.leafHash, appended: true });
      expect(provenBody(again)).toBe(conclusion.record.body);
      expect(treeSize(again.proof)).toBe(5);
      const [seen, other] = await Promise.all([
        journal.finish(change.id, readBack(change)),
        journal.finish(change.id, readBack(change)),
      ]);
      expect([seen.appended, other.appended]).toEqual([true, false]);
      expect(provenBody(other)).toBe(provenBody(seen));
    });

    it("of every record can be had at any time, in the newest tree, also after the log was opened again", async () => {
      const made = await denyMany(300);
      journal = await fixture.reopen();
      made.push(...(await denyMany(5)));
      for (const { denial, receipt } of made.filter(({ receipt: { index } }) => index % 50 < 3 || index > 290)) {
        const proven = await journal.proven(receipt.index);
        expect(proven).toMatchObject({ index: receipt.index, leafHash: receipt.leafHash, body: denial.record.body });
        expect(provenBody(proven ?? receipt)).toBe(denial.record.body);
        expect(treeSize((proven ?? receipt).proof)).toBe(305);
      }
      expect(await journal.proven(305)).toBeUndefined();
    });

    it("still prove a record whose body was pruned, to whoever kept it", async () => {
      const [{ denial, receipt } = { denial: aDenial(aChange()), receipt: undefined }] = await denyMany(1);
      await fixture.tamper.body(0, null);
      const proven = await journal.proven(0);
      expect(proven).toMatchObject({ index: 0, body: null, leafHash: receipt?.leafHash });
      const proof = proofText(proven?.proof ?? { lines: "", checkpoint: "" });
      expect(parseProof(proof).extra).toBeUndefined();
      const entry = Buffer.from(denial.record.body);
      expect(verifyProof(proof, { verifiers, entry }).index).toBe(0);
    });

    it("are not given for what was refused, and its neighbours' still prove theirs", async () => {
      const orphan = aChange();
      const denial = aDenial(aChange());
      const [refused, receipt, twice] = await Promise.allSettled([
        journal.finish(orphan.id, ended(orphan, applied)),
        journal.deny(denial),
        journal.deny(denial),
      ]);
      expect([refused.status, twice.status]).toEqual(["rejected", "rejected"]);
      expect(provenBody(settledValue(receipt))).toBe(denial.record.body);
      expect(await fixture.records()).toHaveLength(1);
    });

    it("follow one another in one tree when several journals write to one log", async () => {
      const other = await fixture.another();
      const denials = Array.from({ length: 40 }, (_, n) => ({
        denial: aDenial(keyChange(`AKIAIOSFODNN7EX${String(n).padStart(5, "0")}`)),
        writer: n % 2 === 0 ? journal : other,
      }));
      const receipts = await Promise.all(
        denials.map(async ({ denial, writer }) => ({ denial, receipt: await writer.deny(denial) })),
      );
      for (const { denial, receipt } of receipts) expect(provenBody(receipt)).toBe(denial.record.body);
      expect(receipts.map(({ receipt }) => receipt.index).sort((a, b) => a - b)).toEqual([...Array(40).keys()]);
    });
  });
}

/** Of the tree that a proof is for. */
function treeSize(proof: ProofText): number {
  return parseCheckpoint(openNote(parseProof(proofText(proof)).checkpoint, verifiers).text).size;
}

function settledValue<T>(settled: PromiseSettledResult<T>): T {
  if (settled.status === "rejected") throw settled.reason;
  return settled.value;
}
