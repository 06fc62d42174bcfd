import { beforeEach, describe, expect, it } from "vitest";
import type { Journal } from "../../src/audit/journal.ts";
import { reconciledRecord } from "../../src/audit/record.ts";
import type { Change } from "../../src/changes/change.ts";
import { statusChangeOf } from "../../src/changes/status-change.ts";
import { aChange, anIntent } from "../fixture/changes.ts";
import { applied, ended, failed, now, readBack, unknown } from "./journal-samples.ts";
import type { JournalFixture } from "./journal-suite.ts";

/** A change that is overdue gives way to the safe direction. */
export function supersedingSuite(given: () => JournalFixture): void {
  let fixture: JournalFixture;
  let journal: Journal;
  beforeEach(() => {
    fixture = given();
    journal = fixture.journal;
  });

  describe("superseding", () => {
    const begun = async (later: number) => {
      const older = aChange({ status: "Active" });
      await journal.begin(anIntent(older, now));
      const record = (by: Change) =>
        reconciledRecord(older, { result: "superseded", observed: null, supersededBy: by.id }, later);
      return { older, record };
    };

    it("an overdue change gives way to Inactive, and the log says to whom", async () => {
      const later = now + 5001;
      const { older, record } = await begun(later);
      const off = aChange({ status: "Inactive" });
      const supersedes = { id: older.id, record: record(off) };
      expect(await journal.begin(anIntent(off, later, { supersedes }))).toMatchObject({ kind: "started" });
      expect(statusChangeOf(await journal.recordsOf(older.id), now)).toMatchObject({
        readBack: { result: "superseded", supersededBy: off.id },
      });
      expect(await journal.overdue(later + 10_000)).toMatchObject([{ id: off.id }]);
    });

    it("a change within its deadline gives way to nothing", async () => {
      const { older, record } = await begun(now + 4000);
      const off = aChange({ status: "Inactive" });
      const supersedes = { id: older.id, record: record(off) };
      const answer = await journal.begin(anIntent(off, now + 4000, { supersedes }));
      expect(answer).toMatchObject({ kind: "in-flight", id: older.id });
      expect(await fixture.records()).toHaveLength(1);
    });

    describe("by a change that then", () => {
      const later = now + 5001;
      /** Of three changes each has superseded the one before; only the last holds the credential. */
      const chain = async (length: number) => {
        const changes = [aChange({ status: "Active" })];
        await journal.begin(anIntent(changes[0] ?? aChange(), now));
        for (let n = 1; n < length; n += 1) {
          const [older, newer] = [changes[n - 1] ?? aChange(), aChange({ status: "Inactive" })];
          const at = now + 6000 * n;
          const superseded = { result: "superseded", observed: null, supersededBy: newer.id } as const;
          const supersedes = { id: older.id, record: reconciledRecord(older, superseded, at) };
          expect(await journal.begin(anIntent(newer, at, { supersedes }))).toMatchObject({ kind: "started" });
          changes.push(newer);
        }
        return changes as [Change, Change, ...Change[]];
      };
      const holders = async () => (await journal.overdue(now + 1_000_000)).map(({ id }) => id);

      it("failed, is open again: overdue, holding the credential, to be read back", async () => {
        const [older, off] = await chain(2);
        await journal.finish(off.id, ended(off, failed, later));
        expect(await holders()).toEqual([older.id]);
        const state = statusChangeOf(await journal.recordsOf(older.id), later);
        expect(state).toMatchObject({ outcome: { name: "unknown" } });
        expect(state).not.toHaveProperty("readBack");
        expect(await journal.finish(older.id, readBack(older, later))).toMatchObject({ appended: true });
        expect(await holders()).toEqual([]);
        expect(statusChangeOf(await journal.recordsOf(older.id), later)).toMatchObject({
          readBack: { result: "as-wanted" },
        });
      });

      it("was applied, or is unknown, stays closed", async () => {
        const [, off] = await chain(2);
        await journal.finish(off.id, ended(off, unknown, later));
        expect(await holders()).toEqual([off.id]);
        await journal.finish(off.id, readBack(off, later));
        expect(await holders()).toEqual([]);
      });

      it("failed, stays closed when its own outcome is known by now", async () => {
        const [older, off] = await chain(2);
        await journal.finish(older.id, ended(older, applied, later));
        await journal.finish(off.id, ended(off, failed, later));
        expect(await holders()).toEqual([]);
      });

      it("failed, as the one before it has, opens the one before that", async () => {
        const [first, second, third] = await chain(3);
        await journal.finish(second.id, ended(second, failed, later));
        expect(await holders()).toEqual([third?.id]);
        await journal.finish(third?.id ?? "", ended(third ?? aChange(), failed, later));
        expect(await holders()).toEqual([first.id]);
      });

      it("failed too late, takes nothing from the change that holds the credential now", async () => {
        const [, off] = await chain(2);
        await journal.finish(off.id, readBack(off, later));
        const next = aChange();
        await journal.begin(anIntent(next, later));
        await journal.finish(off.id, ended(off, failed, later));
        expect(await holders()).toEqual([next.id]);
      });
    });

    it("Active waits, overdue or not", async () => {
      const { older, record } = await begun(now + 5001);
      const on = aChange({ status: "Active" });
      const supersedes = { id: older.id, record: record(on) };
      const answer = await journal.begin(anIntent(on, now + 5001, { supersedes }));
      expect(answer).toMatchObject({ kind: "in-flight", id: older.id });
    });
  });
}
