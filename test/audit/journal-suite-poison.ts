import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Journal } from "../../src/audit/journal.ts";
import { aChange, aDenial } from "../fixture/changes.ts";
import type { JournalFixture } from "./journal-suite.ts";

/** What a journal does about a log that is not the one that was written. */
export function poisonSuite(given: () => JournalFixture): void {
  let fixture: JournalFixture;
  let journal: Journal;
  const deny = (to: Journal) => to.deny(aDenial(aChange()));

  describe("a log that is not the one that was written", () => {
    beforeEach(async () => {
      fixture = given();
      journal = fixture.journal;
      for (let n = 0; n < 5; n += 1) await deny(journal);
    });

    it("takes nothing once it was rolled back, and says what was seen and what to do", async () => {
      await fixture.tamper.cut(3);
      const refused = await deny(journal).catch((error: Error) => error);
      expect(refused).toMatchObject({
        code: "audit-unavailable",
        message: expect.stringMatching(/was rolled back: its newest head has 3 records, and it had 5 before/),
      });
      expect(String(refused)).toMatch(/lockkeeper audit verify.*lockkeeper audit recover/);
      expect(journal.healthy()).toBe(false);
      await expect(deny(journal)).rejects.toThrow(/rolled back/);
      expect(await fixture.records()).toHaveLength(3);
    });

    it("takes nothing once it was emptied", async () => {
      await fixture.tamper.cut(0);
      await expect(deny(journal)).rejects.toThrow(/its newest head has 0 records, and it had 5 before/);
    });

    it("is noticed without anybody writing", async () => {
      journal = await fixture.reopen({ probeMs: 20 });
      expect(journal.healthy()).toBe(true);
      await fixture.tamper.cut(3);
      await vi.waitFor(() => expect(journal.healthy()).toBe(false), { timeout: 20_000, interval: 20 });
      await expect(deny(journal)).rejects.toThrow(/rolled back/);
    });

    it("takes nothing once it went on from an older state, to the same size or a larger one", async () => {
      await fixture.tamper.cut(3);
      const other = await fixture.another();
      await deny(other);
      await deny(other);
      await expect(deny(journal)).rejects.toThrow(/exchanged for another: its head of 5 records does not continue/);
      expect(await fixture.records()).toHaveLength(5);
    });

    it("takes nothing once it went on from an older state beyond what was seen", async () => {
      await fixture.tamper.cut(3);
      const other = await fixture.another();
      for (let n = 0; n < 4; n += 1) await deny(other);
      await expect(deny(journal)).rejects.toThrow(/its head of 7 records does not continue the one of 5/);
      expect(journal.healthy()).toBe(false);
      expect(await fixture.records()).toHaveLength(7);
    });

    it("goes on when another journal has only appended", async () => {
      const other = await fixture.another();
      for (let n = 0; n < 300; n += 1) void deny(other);
      await deny(other);
      expect((await deny(journal)).index).toBe(306);
      expect(journal.healthy()).toBe(true);
    });

    it("is not opened when one of its newest records, or its hash, is another", async () => {
      const [, record] = await fixture.records();
      await fixture.tamper.body(1, "{}");
      await expect(fixture.reopen()).rejects.toThrow(/its record 1 is not the one that was hashed/);
      await fixture.tamper.body(1, record?.body ?? "");
      await (await fixture.reopen()).close();
      await fixture.tamper.body(1, null);
      await fixture.tamper.leaf(1, "00".repeat(32));
      await expect(fixture.reopen()).rejects.toThrow(/its hashes do not make up the root of its newest head, of 5/);
      await fixture.tamper.leaf(1, record?.leafHash ?? "");
      await deny(await fixture.reopen());
    });

    it("is not opened when its tree has a gap, or its last tile another leaf", async () => {
      await Promise.all(Array.from({ length: 260 }, () => deny(journal)));
      const records = await fixture.records();
      const at = records[250];
      await fixture.tamper.body(250, null);
      await fixture.tamper.leaf(250, "00".repeat(32));
      await expect(fixture.reopen()).rejects.toThrow(/its records before 256 are not those of its tree/);
      await fixture.tamper.leaf(250, at?.leafHash ?? "");
      await (await fixture.reopen()).close();
      await fixture.tamper.dropNode(1, 0);
      await expect(fixture.reopen()).rejects.toThrow(/hashes of its tree are missing/);
    });
  });
}
