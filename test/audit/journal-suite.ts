import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { keyRecord } from "../../src/audit/admin-record.ts";
import type { Journal } from "../../src/audit/journal.ts";
import { outcomeRecord, reconciledRecord } from "../../src/audit/record.ts";
import type { Change } from "../../src/changes/change.ts";
import type { Outcome } from "../../src/changes/outcome.ts";
import { statusChangeOf } from "../../src/changes/status-change.ts";
import { leafHash } from "../../src/tlog/hash.ts";
import { aChange, aDecision, aDenial, anIntent, oncall } from "../fixture/changes.ts";

export interface JournalFixture {
  readonly journal: Journal;
  /** Every record of the log in order, read without the journal. */
  records(): Promise<readonly { index: number; body: string; leafHash: string }[]>;
  destroy(): Promise<void>;
}

const now = Date.parse("2026-11-21T09:30:00Z");
const applied: Outcome = { name: "applied", awsRequestId: "aws-1", httpStatus: 200 };
const unknown: Outcome = { name: "unknown", code: "TimeoutError", message: "lost" };

function ended(change: Change, outcome: Outcome, at = now) {
  return {
    record: outcomeRecord(change, aDecision(true), outcome, "Active", at),
    step: "outcome",
    outcome: outcome.name,
    release: outcome.name !== "unknown",
    at,
  } as const;
}

function readBack(change: Change, at = now) {
  const record = reconciledRecord(change, { result: "as-wanted", observed: "Inactive" }, at);
  return { record, step: "reconciled", release: true, at } as const;
}

/** What every journal does, wherever it keeps its log. */
export function journalSuite(name: string, open: () => Promise<JournalFixture>): void {
  describe(`a journal on ${name}`, () => {
    let fixture: JournalFixture;
    let journal: Journal;
    beforeEach(async () => {
      fixture = await open();
      journal = fixture.journal;
    });
    afterEach(() => fixture.destroy());

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
        const failed: Outcome = { name: "failed", how: "refused", code: "AccessDenied", message: "No." };
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

    describe("idempotency keys", () => {
      const claim = (bodyHash: string) => ({ key: "k", bodyHash, expiresAt: now + 86_400_000 });

      it("lead back to the first change for the same body, and conflict for another", async () => {
        const change = aChange();
        await journal.begin(anIntent(change, now, { idempotency: claim("a") }));
        expect(await journal.begin(anIntent(aChange(), now, { idempotency: claim("a") }))).toEqual({
          kind: "replay",
          id: change.id,
        });
        expect(await journal.begin(anIntent(aChange(), now, { idempotency: claim("b") }))).toEqual({
          kind: "conflict",
          id: change.id,
        });
        const found = await journal.claimed("sandbox oncall", "k", now);
        expect(found).toEqual({ id: change.id, bodyHash: "a" });
      });

      it("belong to one principal", async () => {
        await journal.begin(anIntent(aChange(), now, { idempotency: claim("a") }));
        expect(await journal.claimed("sandbox admin", "k", now)).toBeUndefined();
        const other = aChange({ principal: { ...oncall, id: "admin" } });
        const answer = await journal.begin(anIntent(other, now, { idempotency: claim("a") }));
        expect(answer).toMatchObject({ kind: "in-flight" });
      });

      it("are forgotten when they expire", async () => {
        const change = aChange();
        await journal.begin(anIntent(change, now, { idempotency: claim("a") }));
        await journal.finish(change.id, ended(change, applied));
        const later = now + 86_400_001;
        expect(await journal.claimed("sandbox oncall", "k", later)).toBeUndefined();
        expect(await journal.begin(anIntent(aChange(), later, { idempotency: claim("b") }))).toMatchObject({
          kind: "started",
        });
      });

      it("are free again when the change ended so that its caller is to ask again", async () => {
        const change = aChange();
        await journal.begin(anIntent(change, now, { idempotency: claim("a") }));
        const notSent: Outcome = { name: "failed", how: "not-sent", code: "ECONNREFUSED", message: "not there" };
        await journal.finish(change.id, { ...ended(change, notSent), freesKey: true });
        expect(await journal.claimed("sandbox oncall", "k", now)).toBeUndefined();
        expect(await journal.begin(anIntent(aChange(), now, { idempotency: claim("a") }))).toMatchObject({
          kind: "started",
        });
      });

      it("stay bound when it ended otherwise", async () => {
        const change = aChange();
        await journal.begin(anIntent(change, now, { idempotency: claim("a") }));
        await journal.finish(change.id, ended(change, unknown));
        await journal.finish(change.id, { ...readBack(change), freesKey: false });
        expect(await journal.claimed("sandbox oncall", "k", now)).toMatchObject({ id: change.id });
      });

      it("are not bound by a change that could not begin", async () => {
        await journal.begin(anIntent(aChange(), now));
        await journal.begin(anIntent(aChange(), now, { idempotency: claim("a") }));
        expect(await journal.claimed("sandbox oncall", "k", now)).toBeUndefined();
      });
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

    describe("API keys", () => {
      const key = (id: string, expiresAt = now + 1000) => ({
        id,
        secretHash: "h".repeat(64),
        principal: "lockkeeper bot",
        principalJson: "{}",
        createdAt: now,
        expiresAt,
        revokedAt: null,
      });
      const record = (kind: "created" | "revoked", id: string) =>
        keyRecord(kind, { id, principal: { id: "bot", issuer: "lockkeeper", kind: "bot" }, expiresAt: now }, now);
      const add = (id: string, at = now) => journal.addApiKey(key(id), record("created", id), at);

      it("live two at once for each principal, with a record for each", async () => {
        expect(await add("a")).toBe("added");
        expect(await add("b")).toBe("added");
        expect(await add("c")).toBe("too-many");
        expect(await journal.revokeApiKey("a", now, record("revoked", "a"))).toBe(true);
        expect(await add("c")).toBe("added");
        expect((await journal.apiKeys()).map(({ id, revokedAt }) => [id, revokedAt])).toEqual([
          ["a", now],
          ["b", null],
          ["c", null],
        ]);
        expect(await fixture.records()).toHaveLength(4);
      });

      it("do not count once they have expired", async () => {
        await add("a");
        await add("b");
        expect(await add("c", now + 1001)).toBe("added");
      });

      it("are revoked once, and only when they exist", async () => {
        await add("a");
        expect(await journal.revokeApiKey("a", now, record("revoked", "a"))).toBe(true);
        expect(await journal.revokeApiKey("a", now, record("revoked", "a"))).toBe(false);
        expect(await journal.revokeApiKey("zzz", now, record("revoked", "zzz"))).toBe(false);
        expect(await fixture.records()).toHaveLength(2);
      });
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
  });
}
