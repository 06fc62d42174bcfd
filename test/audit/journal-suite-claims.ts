import { beforeEach, describe, expect, it } from "vitest";
import type { Journal } from "../../src/audit/journal.ts";
import { awsKeyRecord, keyRecord } from "../../src/audit/key-record.ts";
import type { Outcome } from "../../src/changes/outcome.ts";
import { aChange, anIntent, oncall } from "../fixture/changes.ts";
import { applied, ended, now, readBack, unknown } from "./journal-samples.ts";
import type { JournalFixture } from "./journal-suite.ts";

/** What must never disagree with the log: Idempotency-Keys, API keys, leases. */
export function claimsSuite(given: () => JournalFixture): void {
  let fixture: JournalFixture;
  let journal: Journal;
  beforeEach(() => {
    fixture = given();
    journal = fixture.journal;
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

  describe("AWS key pairs", () => {
    const pair = (id: string, expiresAt = now + 1000) => ({
      id,
      sealedSecret: `sealed ${id}`,
      sealedUnder: "old",
      principal: "lockkeeper bot",
      principalJson: "{}",
      createdAt: now,
      expiresAt,
      revokedAt: null,
    });
    const principal = { id: "bot", issuer: "lockkeeper", kind: "bot" } as const;
    const record = (kind: Parameters<typeof awsKeyRecord>[0], id: string) =>
      awsKeyRecord(kind, { id, principal, expiresAt: now }, now);
    const add = (id: string, at = now) => journal.addApiKey(pair(id), record("created", id), at);
    const reseal = (id: string, replaces: string) =>
      journal.resealAwsKey({ id, replaces, sealedSecret: `again ${id}`, sealedUnder: "new" }, record("resealed", id));
    const stored = async () => (await journal.apiKeys()).map((key) => [key.id, Object.entries(key).length, key]);

    it("are read back as they were written, beside API keys", async () => {
      await add("a");
      const { sealedSecret: _, sealedUnder: __, ...rest } = pair("b");
      const apiKey = { ...rest, secretHash: "h".repeat(64) };
      await journal.addApiKey(apiKey, keyRecord("created", { id: "b", principal, expiresAt: now }, now), now);
      expect(await stored()).toEqual([
        ["a", 8, pair("a")],
        ["b", 7, apiKey],
      ]);
      journal = await fixture.reopen();
      expect(await journal.apiKeys()).toEqual([pair("a"), apiKey]);
    });

    it("live two at once for each principal, counted apart from its API keys", async () => {
      for (const id of ["x", "y"]) {
        const { sealedSecret: _, sealedUnder: __, ...rest } = pair(id);
        const apiKey = { ...rest, secretHash: "h".repeat(64) };
        await journal.addApiKey(apiKey, keyRecord("created", { id, principal, expiresAt: now }, now), now);
      }
      expect([await add("a"), await add("b"), await add("c")]).toEqual(["added", "added", "too-many"]);
      expect(
        await journal.revokeApiKey("x", now, keyRecord("revoked", { id: "x", principal, expiresAt: now }, now)),
      ).toBe(true);
      expect(await add("c")).toBe("too-many");
      expect(await journal.revokeApiKey("a", now, record("revoked", "a"))).toBe(true);
      expect(await add("c")).toBe("added");
      expect(await add("d", now + 1001)).toBe("added");
    });

    it("have no secret any more once they are revoked, so that nobody takes that back", async () => {
      await add("a");
      expect(await journal.revokeApiKey("a", now + 1, record("revoked", "a"))).toBe(true);
      expect(await journal.revokeApiKey("a", now + 2, record("revoked", "a"))).toBe(false);
      expect(await journal.apiKeys()).toEqual([{ ...pair("a"), sealedSecret: "", revokedAt: now + 1 }]);
      expect(await fixture.records()).toHaveLength(2);
    });

    it("are encrypted anew with a record, in place of the secret that was read and of no other", async () => {
      await add("a");
      await add("b");
      expect(await reseal("a", "sealed a")).toBe(true);
      expect(await reseal("a", "sealed a")).toBe(false);
      await journal.revokeApiKey("b", now, record("revoked", "b"));
      expect(await reseal("b", "sealed b")).toBe(false);
      expect(await reseal("b", "")).toBe(false);
      expect(await reseal("zzz", "sealed a")).toBe(false);
      expect(await journal.apiKeys()).toEqual([
        { ...pair("a"), sealedSecret: "again a", sealedUnder: "new" },
        { ...pair("b"), sealedSecret: "", revokedAt: now },
      ]);
      expect(await fixture.records()).toHaveLength(4);
    });
  });

  describe("leases", () => {
    it("have one holder at a time, who can keep them", async () => {
      expect(await journal.lease("reconcile", "a", now, 1000)).toBe(true);
      expect(await journal.lease("reconcile", "b", now + 999, 1000)).toBe(false);
      expect(await journal.lease("reconcile", "a", now + 999, 1000)).toBe(true);
      expect(await journal.lease("reconcile", "b", now + 1000, 1000)).toBe(false);
      expect(await journal.lease("prune", "b", now, 1000)).toBe(true);
    });

    it("end by themselves, and then belong to whoever asks first", async () => {
      await journal.lease("reconcile", "a", now, 1000);
      const later = now + 1000;
      const asked = ["b", "c", "d"].map((holder) => journal.lease("reconcile", holder, later, 1000));
      expect((await Promise.all(asked)).filter(Boolean)).toHaveLength(1);
      expect(await journal.lease("reconcile", "a", later, 1000)).toBe(false);
    });

    it("are given up by the one that has them, for all who have the log open", async () => {
      const other = await fixture.another();
      await journal.lease("reconcile", "a", now, 60_000);
      expect(await other.lease("reconcile", "b", now + 1, 60_000)).toBe(false);
      await journal.endLease("reconcile", "nobody");
      expect(await other.lease("reconcile", "b", now + 1, 60_000)).toBe(false);
      await journal.endLease("reconcile", "a");
      expect(await other.lease("reconcile", "b", now + 1, 60_000)).toBe(true);
    });

    it("leave no record", async () => {
      await journal.lease("reconcile", "a", now, 1000);
      expect(await fixture.records()).toEqual([]);
      expect(await journal.head()).toBeUndefined();
    });
  });
}
