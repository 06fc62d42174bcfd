import { beforeEach, expect, it } from "vitest";
import type { Journal } from "../../src/audit/journal.ts";
import { statusChangeOf } from "../../src/changes/status-change.ts";
import { leafHash } from "../../src/tlog/hash.ts";
import { aChange, aDenial, anIntent } from "../fixture/changes.ts";
import { applied, ended, now, readBack, unknown } from "./journal-samples.ts";
import type { JournalFixture } from "./journal-suite.ts";

/** What becomes of a change, from its intent or denial to its end. */
export function changesSuite(given: () => JournalFixture): void {
  let fixture: JournalFixture;
  let journal: Journal;
  beforeEach(() => {
    fixture = given();
    journal = fixture.journal;
  });

  it("numbers records from 0 without a gap and returns the RFC 6962 hash of the stored bytes", async () => {
    const receipts = await Promise.all(Array.from({ length: 50 }, () => journal.deny(aDenial(aChange()))));
    expect(receipts.map((receipt) => receipt.index).sort((a, b) => a - b)).toEqual([...Array(50).keys()]);
    const records = await fixture.records();
    for (const receipt of receipts) {
      const stored = records[receipt.index];
      expect(stored?.leafHash).toBe(receipt.leafHash);
      expect(leafHash(stored?.body ?? "").toString("hex")).toBe(receipt.leafHash);
    }
  });

  it("keeps a change's intent and outcome together", async () => {
    const change = aChange({ reason: "leaked", ticket: { id: "SEC-1", verified: false }, onBehalfOf: { id: "ann" } });
    expect(await journal.begin(anIntent(change, now))).toMatchObject({ kind: "started", receipt: { index: 0 } });
    expect(statusChangeOf(await journal.recordsOf(change.id), now)).toMatchObject({ change, deadline: now + 5000 });
    const { appended, proof: _, ...receipt } = await journal.finish(change.id, ended(change, applied));
    expect(appended).toBe(true);
    const state = statusChangeOf(await journal.recordsOf(change.id), now);
    expect(state).toMatchObject({ change, outcome: applied, previousStatus: "Active", receipt, settledAt: now });
  });

  it("knows nothing of a change that was never asked for", async () => {
    expect(await journal.recordsOf(aChange().id)).toEqual([]);
  });

  it("lets one change of a credential in at a time", async () => {
    const first = aChange();
    await journal.begin(anIntent(first, now));
    expect(await journal.begin(anIntent(aChange(), now))).toEqual({
      kind: "in-flight",
      id: first.id,
      deadline: now + 5000,
    });
    await journal.finish(first.id, ended(first, applied));
    expect(await journal.begin(anIntent(aChange(), now))).toMatchObject({ kind: "started" });
  });

  it("lets exactly one of many concurrent changes of a credential in", async () => {
    const all = await Promise.all(Array.from({ length: 20 }, () => journal.begin(anIntent(aChange(), now))));
    expect(all.filter((begun) => begun.kind === "started")).toHaveLength(1);
  });

  it("does not hold up changes of other credentials", async () => {
    await journal.begin(anIntent(aChange(), now));
    const other = aChange({
      credential: {
        type: "access-key",
        id: "TA7SMP42TDN5Z26OBPJE7EXAMPLE",
        userName: "Bob",
        account: "123456789012",
      },
    });
    expect(await journal.begin(anIntent(other, now))).toMatchObject({ kind: "started" });
  });

  it("does not hold up a user's change when somebody names the same id under another user name", async () => {
    const named = (userName: string) =>
      aChange({ credential: { type: "access-key", id: "AKIAIOSFODNN7EXAMPLE", userName, account: "123456789012" } });
    const first = named("mallory");
    await journal.begin(anIntent(first, now));
    expect(await journal.begin(anIntent(named("Bob"), now))).toMatchObject({ kind: "started" });
    expect(await journal.begin(anIntent(named("MALLORY"), now))).toMatchObject({ kind: "in-flight", id: first.id });
  });

  it("keeps a credential whose change has an unknown outcome until that is read back", async () => {
    const change = aChange();
    await journal.begin(anIntent(change, now));
    await journal.finish(change.id, ended(change, unknown));
    expect(await journal.begin(anIntent(aChange(), now))).toMatchObject({ kind: "in-flight", id: change.id });
    await journal.finish(change.id, readBack(change));
    expect(await journal.begin(anIntent(aChange(), now))).toMatchObject({ kind: "started" });
    expect(statusChangeOf(await journal.recordsOf(change.id), now)).toMatchObject({
      outcome: unknown,
      readBack: { result: "as-wanted" },
    });
  });

  it("records an outcome and a read-back once, however often they are reported", async () => {
    const change = aChange();
    await journal.begin(anIntent(change, now));
    const outcome = await journal.finish(change.id, ended(change, unknown));
    expect(await journal.finish(change.id, ended(change, applied))).toEqual({ ...outcome, appended: false });
    const seen = await journal.finish(change.id, readBack(change));
    expect(await journal.finish(change.id, readBack(change))).toEqual({ ...seen, appended: false });
    expect(await fixture.records()).toHaveLength(3);
  });

  it("recognises the very outcome that it has, when it is written once more", async () => {
    const change = aChange();
    await journal.begin(anIntent(change, now));
    const conclusion = ended(change, applied);
    const first = await journal.finish(change.id, conclusion);
    expect(await journal.finish(change.id, conclusion)).toEqual(first);
    expect(await fixture.records()).toHaveLength(2);
  });

  it("keeps an outcome that comes after a read-back beside it, once, and tells both", async () => {
    const change = aChange();
    await journal.begin(anIntent(change, now));
    await journal.finish(change.id, readBack(change));
    const { appended, proof: _, ...receipt } = await journal.finish(change.id, ended(change, applied, now + 1));
    expect(appended).toBe(true);
    const again = await journal.finish(change.id, ended(change, unknown, now + 2));
    expect(again).toMatchObject({ ...receipt, appended: false });
    expect(await journal.finish(change.id, readBack(change, now + 3))).toMatchObject({ index: 1, appended: false });
    expect(statusChangeOf(await journal.recordsOf(change.id), now)).toMatchObject({
      outcome: applied,
      previousStatus: "Active",
      readBack: { result: "as-wanted", at: now },
      receipt,
    });
    expect(await fixture.records()).toHaveLength(3);
  });

  it("refuses the outcome of a change that was never begun, and keeps its neighbours of the same commit", async () => {
    const change = aChange();
    const orphan = aChange();
    const [finished, denied] = await Promise.allSettled([
      journal.finish(orphan.id, ended(orphan, applied)),
      journal.deny(aDenial(change)),
    ]);
    expect(finished.status).toBe("rejected");
    expect(denied.status).toBe("fulfilled");
  });

  it("lists the overdue, oldest first, with their records", async () => {
    const key = (id: string) => ({ type: "access-key", id, userName: "Bob", account: "123456789012" }) as const;
    const [late, later] = [
      aChange({ credential: key("AKIAIOSFODNN7EXAMPL1") }),
      aChange({ credential: key("AKIAIOSFODNN7EXAMPL2") }),
    ];
    await journal.begin(anIntent(later, now + 10));
    await journal.begin(anIntent(late, now));
    expect(await journal.overdue(now + 5000)).toEqual([]);
    expect(await journal.overdue(now + 5001)).toMatchObject([{ id: late.id, records: [{ index: 1 }] }]);
    expect(await journal.overdue(now + 6000)).toMatchObject([{ id: late.id }, { id: later.id }]);
  });

  it("keeps unicode and quotes as they came, and what is no unicode as U+FFFD", async () => {
    const reason = 'a"b\\c \u{1f512} \ud800 \u2028';
    const change = aChange({ reason });
    await journal.deny(aDenial(change));
    expect(statusChangeOf(await journal.recordsOf(change.id), now)?.change.reason).toBe(reason.toWellFormed());
  });

  it("takes nothing more once it is closed", async () => {
    await journal.close();
    await expect(journal.deny(aDenial(aChange()))).rejects.toMatchObject({ code: "audit-unavailable" });
  });
}
