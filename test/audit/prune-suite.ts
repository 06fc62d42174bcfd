import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Journal, ProvenReceipt } from "../../src/audit/journal.ts";
import type { LogReader } from "../../src/audit/log-reader.ts";
import { type PrunableStore, type PruneOptions, pruneLog } from "../../src/audit/prune/prune.ts";
import { outcomeRecord, reconciledRecord } from "../../src/audit/record.ts";
import { failedAuthenticationRecord } from "../../src/audit/refusal-record.ts";
import { verifyLog } from "../../src/audit/verify/verify-log.ts";
import type { Change } from "../../src/changes/change.ts";
import type { Outcome } from "../../src/changes/outcome.ts";
import { proofText, verifyProof } from "../../src/tlog/tlog-proof.ts";
import { aChange, aDecision, aDenial, anIntent } from "../fixture/changes.ts";
import { TestClock } from "../fixture/clock.ts";
import { testLogKeys, testVerifiers } from "../fixture/log-keys.ts";

export const owner = "123456789012";
const day = 86_400_000;
const today = Date.parse("2026-11-21T09:30:00Z");
const longAgo = today - 100 * day;
const applied: Outcome = { name: "applied", awsRequestId: "aws-1", httpStatus: 200 };
const failed: Outcome = { name: "failed", how: "not-sent", code: "ECONNREFUSED", message: "no" };

export interface PruneFixture {
  /** A journal as a gateway has it. */
  open(): Promise<Journal>;
  pruning(): Promise<PrunableStore & { close(): Promise<void> | void }>;
  reader(): Promise<LogReader>;
  destroy(): Promise<void>;
}

let lastId = 0;
const changeAt = (receivedAt: number, id = `AKIA${String(++lastId).padStart(16, "0")}`): Change => {
  const change = aChange({ credential: { type: "access-key", id, userName: "Bob", account: owner } });
  return { ...change, context: { ...change.context, receivedAt } };
};
const ended = (change: Change, outcome: Outcome, at: number) =>
  ({
    record: outcomeRecord(change, aDecision(true), outcome, "Active", at),
    step: "outcome",
    outcome: outcome.name,
    release: outcome.name !== "unknown",
    at,
  }) as const;

/** What pruning does, wherever the log is kept. */
export function pruneSuite(name: string, make: () => Promise<PruneFixture>): void {
  describe(`pruning a log on ${name}`, () => {
    let fixture: PruneFixture;
    let journal: Journal;
    let clock: TestClock;
    beforeEach(async () => {
      fixture = await make();
      journal = await fixture.open();
      clock = new TestClock(today);
    });
    afterEach(async () => {
      await journal.close();
      await fixture.destroy();
    });

    const done = async (at: number, outcome: Outcome = applied) => {
      const change = changeAt(at);
      await journal.begin(anIntent(change, at));
      await journal.finish(change.id, ended(change, outcome, at));
      return change;
    };
    const prune = async (parts: Partial<PruneOptions> = {}) => {
      const store = parts.store ?? (await fixture.pruning());
      try {
        return await pruneLog({
          journal,
          clock,
          account: owner,
          operator: { name: "ann", uid: 1000 },
          before: today - 30 * day,
          idempotencyTtlMs: day,
          dryRun: false,
          ...parts,
          store,
        });
      } finally {
        if (parts.store === undefined) await (store as { close?: () => Promise<void> | void }).close?.();
      }
    };
    const bodies = async () => {
      const reader = await fixture.reader();
      const all: (string | null)[] = [];
      for await (const chunk of reader.records(0, await reader.size())) {
        all.push(...chunk.map(({ body }) => body?.toString("utf8") ?? null));
      }
      await reader.close();
      return all;
    };
    const missing = async () => (await bodies()).flatMap((body, index) => (body === null ? [index] : []));
    const verify = async () => {
      const reader = await fixture.reader();
      try {
        return await verifyLog(reader, { trustedKeys: testLogKeys.trustedKeys, now: today });
      } finally {
        await reader.close();
      }
    };

    it("drops the bodies of old records, says so in the log first, and leaves one that verifies", async () => {
      await done(longAgo);
      await journal.deny(aDenial(changeAt(longAgo)));
      await journal.note(failedAuthenticationRecord("192.0.2.1", { count: 1, first: longAgo, last: longAgo }));
      await done(today - 10 * day);
      const head = await journal.head();
      expect(await prune()).toEqual({ beforeIndex: 4, records: 4, changes: 2 });
      expect(await missing()).toEqual([0, 1, 2, 3]);
      const record = JSON.parse((await bodies()).at(-1) ?? "");
      expect(record).toMatchObject({
        metadata: { event_code: "lockkeeper.audit.pruned" },
        actor: { user: { name: "ann", uid: "1000" } },
        resources: [{ uid: "lockkeeper.test/log" }],
        unmapped: {
          before_index: 4,
          before: new Date(today - 30 * day).toISOString(),
          records: 4,
          changes: 2,
          checkpoint: head?.checkpoint,
        },
      });
      expect(await verify()).toMatchObject({ faults: [], checked: { records: 7, pruned: 4 } });
    });

    it("takes pruned changes out of the search, and still proves their records", async () => {
      const old = await done(longAgo);
      const young = await done(today - 10 * day);
      await prune();
      expect(await journal.recordsOf(old.id)).toEqual([]);
      const found = await journal.changes({ limit: 10, now: today });
      expect(found.changes.map(([first]) => first?.index)).toEqual([2]);
      expect(await journal.recordsOf(young.id)).toHaveLength(2);
      const proven = await journal.proven(0);
      expect(proven?.body).toBeNull();
      const entry = Buffer.from("the caller has kept it");
      expect(() => verifyProof(textOf(proven), { verifiers: testVerifiers, entry })).toThrow();
    });

    it("proves a pruned record to whoever has kept its bytes", async () => {
      const change = changeAt(longAgo);
      const { record } = aDenial(change);
      await journal.deny({ ...aDenial(change), record });
      await prune();
      const proven = await journal.proven(0);
      const checked = verifyProof(textOf(proven), { verifiers: testVerifiers, entry: Buffer.from(record.body) });
      expect(checked).toMatchObject({ index: 0, size: 2 });
    });

    it("never touches a change that is open, nor those before it whose place it took", async () => {
      const id = "AKIACHAIN00000000001";
      const [first, second, waiting] = [changeAt(longAgo, id), changeAt(longAgo, id), changeAt(longAgo)];
      await journal.begin(anIntent(first, longAgo));
      const superseded = reconciledRecord(
        first,
        { result: "superseded", observed: null, supersededBy: second.id },
        longAgo + day,
      );
      await journal.begin(anIntent(second, longAgo + day, { supersedes: { id: first.id, record: superseded } }));
      await journal.begin(anIntent(waiting, longAgo));
      await done(longAgo);
      expect(await prune()).toEqual({ beforeIndex: 6, records: 2, changes: 1 });
      expect(await missing()).toEqual([4, 5]);
      await journal.finish(second.id, ended(second, failed, today));
      expect((await journal.overdue(today)).map((change) => change.id).sort()).toEqual([first.id, waiting.id].sort());
      // What is left open for a hundred days is worth a word; nothing else is.
      const { faults } = await verify();
      expect(faults.map(({ kind, index }) => [kind, index])).toEqual([
        ["no-end", 0],
        ["no-end", 3],
      ]);
    });

    it("prunes a change with all its records or not at all", async () => {
      const late = changeAt(longAgo);
      await journal.begin(anIntent(late, longAgo));
      await journal.finish(late.id, ended(late, { name: "unknown", code: "TimeoutError", message: "?" }, longAgo));
      await done(longAgo);
      const record = reconciledRecord(late, { result: "as-wanted", observed: "Inactive" }, today - day);
      await journal.finish(late.id, { record, step: "reconciled", release: true, at: today - day });
      expect(await prune()).toEqual({ beforeIndex: 4, records: 2, changes: 1 });
      expect(await missing()).toEqual([2, 3]);
      expect(await journal.recordsOf(late.id)).toHaveLength(3);
    });

    it("keeps a change as long as its Idempotency-Key is good", async () => {
      const change = changeAt(longAgo);
      const idempotency = { key: "k", bodyHash: "h", expiresAt: today + 1 };
      await journal.begin(anIntent(change, longAgo, { idempotency }));
      await journal.finish(change.id, ended(change, applied, longAgo));
      expect(await prune()).toMatchObject({ records: 0 });
      clock.advance(1);
      expect(await prune()).toMatchObject({ records: 2, changes: 1 });
    });

    it.each([
      ["the last day", day, day - 1],
      ["the time for which Idempotency-Keys are remembered", 7 * day, 7 * day - 1],
    ])("refuses to prune %s", async (_, idempotencyTtlMs, age) => {
      await done(longAgo);
      await expect(prune({ idempotencyTtlMs, before: today - age })).rejects.toMatchObject({
        code: "malformed-request",
        message: expect.stringContaining("at the latest"),
      });
      expect(await missing()).toEqual([]);
    });

    it("stops at the first record that is young, though there are older ones behind it: clocks jump", async () => {
      await done(longAgo);
      await done(today);
      await done(longAgo);
      expect(await prune()).toMatchObject({ beforeIndex: 2, records: 2 });
    });

    it("only counts when it is asked to", async () => {
      await done(longAgo);
      expect(await prune({ dryRun: true })).toEqual({ beforeIndex: 2, records: 2, changes: 1 });
      expect(await missing()).toEqual([]);
      expect((await journal.head())?.size).toBe(2);
    });

    it("leaves no record when there is nothing to prune", async () => {
      expect(await prune()).toEqual({ beforeIndex: 0, records: 0, changes: 0 });
      await done(today);
      expect(await prune()).toEqual({ beforeIndex: 0, records: 0, changes: 0 });
      expect((await journal.head())?.size).toBe(2);
    });

    it("keeps for ever what tells of the log itself", async () => {
      await done(longAgo);
      await prune();
      clock.advance(200 * day);
      await done(clock.now());
      expect(await prune({ before: clock.now() - 2 * day })).toMatchObject({ beforeIndex: 3, records: 0 });
      expect(await missing()).toEqual([0, 1]);
    });

    it("goes on where it was interrupted, and the log verifies all the time", async () => {
      const changes: Change[] = [];
      const batch = async (outcome: Outcome | undefined) => {
        await Promise.all(
          changes.map((change) =>
            outcome === undefined
              ? journal.begin(anIntent(change, longAgo))
              : journal.finish(change.id, ended(change, outcome, longAgo)),
          ),
        );
      };
      for (let count = 0; count < 700; count += 1) changes.push(changeAt(longAgo));
      await batch(undefined);
      await batch(applied);
      const store = await fixture.pruning();
      let stretches = 0;
      const dying: PrunableStore = {
        sql: store.sql,
        async change(statements) {
          stretches += 1;
          if (stretches === 2) throw new Error("killed");
          return store.change(statements);
        },
      };
      await expect(prune({ store: dying })).rejects.toThrow("killed");
      expect(await missing()).toHaveLength(500);
      expect(await verify()).toMatchObject({ faults: [] });
      // Nobody finds half a change.
      const found = await journal.changes({ limit: 1000, now: today });
      expect(found.changes.map((records) => records.length)).toEqual(Array.from({ length: 200 }, () => 2));
      const progress: number[] = [];
      expect(await prune({ onProgress: (at) => progress.push(at) })).toEqual({
        beforeIndex: 1400,
        records: 900,
        changes: 200,
      });
      expect(progress).toEqual([500, 1000, 1400]);
      expect(await missing()).toHaveLength(1400);
      expect(await verify()).toMatchObject({ faults: [], checked: { pruned: 1400 } });
      await store.close();
    }, 60_000);

    it("lets a gateway write beside it", async () => {
      for (let count = 0; count < 20; count += 1) await done(longAgo);
      const writing = Promise.all(Array.from({ length: 50 }, () => journal.deny(aDenial(changeAt(today)))));
      expect(await prune()).toMatchObject({ records: 40 });
      await writing;
      expect(journal.healthy()).toBe(true);
      expect(await verify()).toMatchObject({ faults: [], checked: { records: 91 } });
    });
  });
}

function textOf(proven: ProvenReceipt | undefined): string {
  return proven === undefined ? "" : proofText(proven.proof);
}
