import { randomUUIDv7 } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Journal, StoredApiKey, StoredAwsKey } from "../../src/audit/journal.ts";
import { awsKeyRecord, keyRecord } from "../../src/audit/key-record.ts";
import { keysUnder, originAfter } from "../../src/audit/lineage.ts";
import type { LogKeys } from "../../src/audit/log-keys.ts";
import type { LogReader } from "../../src/audit/log-reader.ts";
import type { OutsideMemory } from "../../src/audit/outside/memory.ts";
import { outcomeRecord, reconciledRecord } from "../../src/audit/record.ts";
import { type RecoverableStore, recoverLog } from "../../src/audit/recover/recover.ts";
import type { Sql } from "../../src/audit/sql.ts";
import { verifyLog } from "../../src/audit/verify/verify-log.ts";
import type { Change } from "../../src/changes/change.ts";
import type { Outcome } from "../../src/changes/outcome.ts";
import { statusChangeOf } from "../../src/changes/status-change.ts";
import { formatCheckpoint } from "../../src/tlog/checkpoint.ts";
import { leafHash } from "../../src/tlog/hash.ts";
import { openNote, parseSigner, parseVerifier, signNote } from "../../src/tlog/note.ts";
import { aChange, aDecision, aDenial, anIntent } from "../fixture/changes.ts";
import { testLogKeys } from "../fixture/log-keys.ts";

export const owner = "123456789012";
export const now = Date.parse("2026-11-21T09:30:00Z");
const hour = 3_600_000;

export interface RecoverFixture {
  /** A journal as a gateway has it. */
  open(keys?: LogKeys): Promise<Journal>;
  recovery(): Promise<RecoverableStore & { close(): Promise<void> | void }>;
  /** Looks at a log: the one in place, or the one that recovery `sealed` has sealed. */
  look<T>(see: (sql: Sql) => Promise<T>, sealed?: number): Promise<T>;
  reader(sealed?: number): Promise<LogReader>;
  /** Changes the log behind everybody's back. */
  tamper(sql: string): Promise<void>;
  /** Bytes in SQL. */
  bytes(hex: string): string;
  /** After its records are gone: leaves nothing of it but a key of anybody's. */
  makeEmpty(): Promise<void>;
  destroy(): Promise<void>;
}

export async function recover(
  fixture: RecoverFixture,
  parts: { memories?: readonly OutsideMemory[]; reason?: string; keys?: LogKeys; at?: number } = {},
) {
  const { memories = [], reason = "the disk was lost", keys = testLogKeys, at = now } = parts;
  const store = await fixture.recovery();
  try {
    const operator = { name: "ann", uid: 1000 };
    return await recoverLog({ store, keys, memories, account: owner, operator, reason, now: at });
  } finally {
    await store.close();
  }
}

export function recordsOf(fixture: RecoverFixture, sealed?: number) {
  return fixture.look(async (sql) => {
    const rows = await sql.all("SELECT idx, body, correlation, leaf_hash FROM records ORDER BY idx");
    return rows.map((row) => ({
      index: Number(row["idx"]),
      body: row["body"] === null ? null : String(row["body"]),
      correlation: String(row["correlation"]),
      intact: row["body"] !== null && leafHash(String(row["body"])).equals(row["leaf_hash"] as Uint8Array),
    }));
  }, sealed);
}

const credential = (id: string) => ({ type: "access-key", id, userName: "Bob", account: owner }) as const;
const unknown: Outcome = { name: "unknown", code: "TimeoutError", message: "lost" };
const applied: Outcome = { name: "applied", awsRequestId: "aws-1", httpStatus: 200 };

export function ended(change: Change, outcome: Outcome, at = now) {
  return {
    record: outcomeRecord(change, aDecision(true), outcome, "Active", at),
    step: "outcome",
    outcome: outcome.name,
    release: outcome.name !== "unknown",
    at,
  } as const;
}

function readBack(change: Change, at: number) {
  const record = reconciledRecord(change, { result: "as-wanted", observed: "Inactive" }, at);
  return { record, step: "reconciled", release: true, at } as const;
}

function anApiKey(principal: string): StoredApiKey {
  const id = randomUUIDv7();
  return {
    id,
    secretHash: "0".repeat(64),
    principal: `lockkeeper#${principal}`,
    principalJson: JSON.stringify({ id: principal }),
    createdAt: now,
    expiresAt: now + hour,
    revokedAt: null,
  };
}

function aMemory(checkpoint: string | (() => Promise<string>)): OutsideMemory {
  return {
    name: "file /mnt/checkpoint",
    cosigns: false,
    last: async () => (typeof checkpoint === "string" ? checkpoint : checkpoint()),
    remember: async () => undefined,
  };
}

/** What recovering a log does, wherever it is kept. */
export function recoverSuite(name: string, make: () => Promise<RecoverFixture>): void {
  describe(`recovering a log on ${name}`, () => {
    let fixture: RecoverFixture;
    beforeEach(async () => {
      fixture = await make();
    });
    afterEach(() => fixture.destroy());

    it("seals the old log and begins another, whose first record holds the old head, the reason and who did it", async () => {
      const journal = await fixture.open();
      await journal.deny(aDenial(aChange()));
      await journal.deny(aDenial(aChange()));
      const head = await journal.head();
      await journal.close();
      const before = await recordsOf(fixture);
      const memory = aMemory(head?.checkpoint ?? "");
      const done = await recover(fixture, { reason: "  restored from a backup ", memories: [memory] });

      expect(await recordsOf(fixture, 1)).toEqual(before);
      const [first, ...others] = await recordsOf(fixture);
      expect(others).toEqual([]);
      expect(JSON.parse(first?.body ?? "")).toMatchObject({
        metadata: { event_code: "lockkeeper.audit.recovered" },
        actor: { user: { name: "ann", uid: "1000" } },
        unmapped: {
          reason: "restored from a backup",
          origin: "lockkeeper.test/log/recovered-1",
          sealed: { origin: "lockkeeper.test/log", size: 2, checkpoint: head?.checkpoint },
          outside: [{ memory: "file /mnt/checkpoint", checkpoint: head?.checkpoint }],
          carried: { changes: 0, records: 0, api_keys: 0, damaged: [], lost: [] },
        },
      });
      expect(done).toMatchObject({ origin: "lockkeeper.test/log/recovered-1", sealed: { size: 2 } });

      const again = await fixture.open();
      const newHead = await again.head();
      expect(newHead).toMatchObject({ origin: "lockkeeper.test/log/recovered-1", size: 1 });
      expect(openNote(newHead?.checkpoint ?? "", [parseVerifier(done.verifierKey)]).verified).toHaveLength(1);
      expect(await again.deny(aDenial(aChange()))).toMatchObject({ index: 1 });
      await again.close();
    });

    it("lets open changes go on: they hold their credentials, can end, and are read back", async () => {
      const [pending, overdue, settled] = ["AKIAPENDING000000001", "AKIAOVERDUE000000002", "AKIASETTLED000000003"].map(
        (id) => aChange({ credential: credential(id) }),
      ) as [Change, Change, Change];
      const journal = await fixture.open();
      await journal.begin(anIntent(settled, now));
      await journal.begin(anIntent(overdue, now - hour));
      await journal.finish(settled.id, ended(settled, applied));
      await journal.finish(overdue.id, ended(overdue, unknown, now - hour + 5000));
      await journal.begin(anIntent(pending, now));
      await journal.close();
      const old = await recordsOf(fixture);
      const done = await recover(fixture);
      expect(done.carried).toMatchObject({ changes: 2, records: 3, damaged: [], lost: [] });

      const [, ...carried] = await recordsOf(fixture);
      expect(carried.map(({ body }) => body)).toEqual([1, 3, 4].map((index) => old[index]?.body));
      expect(carried.every(({ intact }) => intact)).toBe(true);

      const again = await fixture.open();
      expect(await again.begin(anIntent(aChange({ credential: pending.credential }), now))).toMatchObject({
        kind: "in-flight",
        id: pending.id,
      });
      expect(await again.overdue(now)).toMatchObject([{ id: overdue.id, records: [{ index: 1 }, { index: 2 }] }]);
      expect(await again.finish(overdue.id, readBack(overdue, now))).toMatchObject({ index: 4, appended: true });
      expect(await again.finish(pending.id, ended(pending, applied))).toMatchObject({ index: 5, appended: true });
      const state = statusChangeOf(await again.recordsOf(overdue.id), now);
      expect(state).toMatchObject({ outcome: { name: "unknown" }, readBack: { result: "as-wanted" } });
      expect(await again.recordsOf(settled.id)).toEqual([]);
      expect(await again.overdue(now + hour)).toEqual([]);
      await again.close();
    });

    it("keeps the Idempotency-Keys that are still good, with what became of their changes", async () => {
      const [bound, expired] = [aChange({ credential: credential("AKIABOUND00000000001") }), aChange()];
      const claim = (change: Change, key: string, expiresAt: number) =>
        anIntent(change, now, { idempotency: { key, bodyHash: "h", expiresAt } });
      const journal = await fixture.open();
      await journal.begin(claim(bound, "good", now + hour));
      await journal.finish(bound.id, ended(bound, applied));
      await journal.begin(claim(expired, "expired", now + 1));
      await journal.finish(expired.id, ended(expired, applied));
      await journal.close();
      await recover(fixture, { at: now + 60_000 });
      const again = await fixture.open();
      const replay = claim(aChange({ credential: bound.credential }), "good", now + hour);
      expect(await again.begin(replay)).toEqual({ kind: "replay", id: bound.id });
      expect(statusChangeOf(await again.recordsOf(bound.id), now)).toMatchObject({ outcome: applied, settledAt: now });
      expect(await again.recordsOf(expired.id)).toEqual([]);
      await again.close();
    });

    it("keeps chains of superseded changes together, so that a failure opens the one before again", async () => {
      const one = credential("AKIACHAIN00000000001");
      const [first, second, third] = [aChange, aChange, aChange].map((make) => make({ credential: one })) as [
        Change,
        Change,
        Change,
      ];
      const supersedes = (older: Change, newer: Change, at: number) => ({
        supersedes: {
          id: older.id,
          record: reconciledRecord(older, { result: "superseded", observed: null, supersededBy: newer.id }, at),
        },
      });
      const journal = await fixture.open();
      await journal.begin(anIntent(first, now));
      await journal.begin(anIntent(second, now + hour, supersedes(first, second, now + hour)));
      await journal.begin(anIntent(third, now + 2 * hour, supersedes(second, third, now + 2 * hour)));
      await journal.close();
      const done = await recover(fixture, { at: now + 3 * hour });
      expect(done.carried).toMatchObject({ changes: 3, records: 5 });
      const again = await fixture.open();
      const failed: Outcome = { name: "failed", how: "not-sent", code: "ECONNREFUSED", message: "no" };
      await again.finish(third.id, ended(third, failed, now + 3 * hour));
      expect(await again.overdue(now + 4 * hour)).toMatchObject([{ id: second.id }]);
      await again.finish(second.id, ended(second, failed, now + 3 * hour));
      expect(await again.overdue(now + 4 * hour)).toMatchObject([{ id: first.id }]);
      await again.close();
      // The one that is open again goes on as such.
      await recover(fixture, { at: now + 5 * hour });
      const last = await fixture.open();
      expect(await last.overdue(now + 5 * hour)).toMatchObject([{ id: first.id }]);
      expect(await last.finish(first.id, readBack(first, now + 5 * hour))).toMatchObject({ appended: true });
      await last.close();
    });

    it("keeps API keys, revoked ones too", async () => {
      const [live, revoked] = [anApiKey("ann"), { ...anApiKey("bot"), createdAt: now + 1 }];
      const record = (key: StoredApiKey) =>
        keyRecord(
          "created",
          { id: key.id, principal: { id: "ann", issuer: "lockkeeper", kind: "human" }, expiresAt: 0 },
          now,
        );
      const journal = await fixture.open();
      for (const key of [live, revoked]) await journal.addApiKey(key, record(key), now);
      await journal.revokeApiKey(revoked.id, now + 1, record(revoked));
      const before = await journal.apiKeys();
      await journal.close();
      await recover(fixture);
      const again = await fixture.open();
      expect(await again.apiKeys()).toEqual(before);
      expect(before.map(({ revokedAt }) => revokedAt)).toEqual([null, now + 1]);
      await again.close();
    });

    it("keeps AWS key pairs, and of revoked ones no secret", async () => {
      const pair = (id: string): StoredAwsKey => {
        const { secretHash: _, ...rest } = anApiKey("bot");
        return { ...rest, id, sealedSecret: `sealed ${id}`, sealedUnder: "a key" };
      };
      const bot = { id: "bot", issuer: "lockkeeper", kind: "bot" } as const;
      const journal = await fixture.open();
      for (const id of ["one", "two"]) {
        const record = awsKeyRecord("created", { id, principal: bot, expiresAt: 0 }, now);
        await journal.addApiKey(pair(id), record, now);
      }
      await journal.revokeApiKey("two", now, awsKeyRecord("revoked", { id: "two", principal: bot, expiresAt: 0 }, now));
      await journal.close();
      expect((await recover(fixture)).carried.apiKeys).toBe(2);
      const again = await fixture.open();
      expect(await again.apiKeys()).toEqual([pair("one"), { ...pair("two"), sealedSecret: "", revokedAt: now }]);
      await again.close();
    });

    it("makes no request good again whose signature is remembered, whatever became of its change", async () => {
      const signature = (digit: string) => ({ digest: digit.repeat(64), expiresAt: now + hour });
      const [open, over, emptied] = ["AKIAOPEN000000000001", "AKIAOVER000000000001", "AKIAEMPTIED000000001"].map((id) =>
        aChange({ credential: credential(id) }),
      ) as [Change, Change, Change];
      const journal = await fixture.open();
      await journal.begin(anIntent(open, now, { signature: signature("a") }));
      await journal.begin(anIntent(over, now, { signature: signature("b") }));
      await journal.finish(over.id, ended(over, applied));
      await journal.begin(anIntent(emptied, now, { signature: signature("c") }));
      const expired = { ...signature("d"), expiresAt: now };
      await journal.begin(anIntent(aChange(), now - 1, { signature: expired }));
      await journal.close();
      await fixture.tamper("UPDATE records SET body = NULL WHERE idx = 3");
      expect((await recover(fixture)).carried.lost).toEqual([emptied.id]);
      const again = await fixture.open();
      const begin = (digit: string) =>
        again.begin(
          anIntent(aChange({ credential: credential("AKIANEW0000000000001") }), now, { signature: signature(digit) }),
        );
      expect(await begin("a")).toEqual({ kind: "seen", id: open.id, later: false });
      // Of what is not in the new log nothing can be told but that it was there.
      expect(await begin("b")).toEqual({ kind: "seen", id: over.id, later: true });
      expect(await begin("c")).toEqual({ kind: "seen", id: emptied.id, later: true });
      expect(await begin("d")).toMatchObject({ kind: "started" });
      await again.close();
    });

    it("takes a log over that knew neither key pairs nor signatures", async () => {
      const change = aChange();
      const journal = await fixture.open();
      await journal.begin(anIntent(change, now));
      await journal.close();
      await fixture.tamper("DROP TABLE signatures");
      await fixture.tamper("ALTER TABLE api_keys DROP COLUMN sealed_secret");
      expect((await recover(fixture)).carried).toMatchObject({ changes: 1, lost: [] });
      const again = await fixture.open();
      const signature = { digest: "a".repeat(64), expiresAt: now + hour };
      const other = aChange({ credential: credential("AKIANEW0000000000001") });
      expect(await again.begin(anIntent(other, now, { signature }))).toMatchObject({ kind: "started" });
      expect(await again.begin(anIntent(aChange(), now, { signature }))).toMatchObject({ kind: "seen", id: other.id });
      await again.close();
    });

    it("says which carried records are not those that were written, and which changes could not go on", async () => {
      const [changed, emptied] = [aChange(), aChange({ credential: credential("AKIAEMPTIED000000001") })];
      const journal = await fixture.open();
      await journal.begin(anIntent(changed, now));
      await journal.begin(anIntent(emptied, now));
      await journal.close();
      await fixture.tamper("UPDATE records SET body = replace(body, 'Inactive', 'Active') WHERE idx = 0");
      await fixture.tamper("UPDATE records SET body = NULL WHERE idx = 1");
      const { carried } = await recover(fixture);
      expect(carried).toMatchObject({ changes: 1, records: 1, damaged: [0], lost: [emptied.id] });
    });

    it("proves what it carries by the old log's signed head, and calls nothing intact otherwise", async () => {
      const fill = async () => {
        const journal = await fixture.open();
        for (const id of ["AKIAPROVEN0000000001", "AKIAPROVEN0000000002", "AKIAPROVEN0000000003"]) {
          await journal.begin(anIntent(aChange({ credential: credential(id) }), now));
        }
        await journal.close();
      };
      await fill();
      expect((await recover(fixture)).carried).toMatchObject({ records: 3, unproven: 0, damaged: [] });
      const forged = (await recordsOf(fixture))[2]?.body?.replace("Inactive", "Active") ?? "";
      const hash = leafHash(forged).toString("hex");
      const exchanged = forged.replaceAll("'", "''");
      await fixture.tamper(
        `UPDATE records SET body = '${exchanged}', leaf_hash = ${fixture.bytes(hash)} WHERE idx = 2`,
      );
      // Its hash was exchanged as well, so the others' paths do not end at the signed root any more either.
      expect((await recover(fixture)).carried).toMatchObject({ unproven: 3, damaged: [1, 2, 3] });
      await fixture.tamper("UPDATE checkpoints SET note = 'signed by nobody'");
      expect((await recover(fixture)).carried).toMatchObject({ unproven: 3, damaged: [1, 2, 3] });
    });

    it("cannot be made impossible by what somebody puts into the old log", async () => {
      const [sound, long] = [aChange(), aChange({ credential: credential("AKIALONG000000000001") })];
      const journal = await fixture.open();
      await journal.begin(anIntent(sound, now));
      await journal.begin(anIntent(long, now));
      await journal.close();
      await fixture.tamper(`UPDATE records SET body = '${"x".repeat(70_000)}' WHERE idx = 1`);
      await fixture.tamper(`INSERT INTO checkpoints (size, note) VALUES (99, '${"x".repeat(70_000)}')`);
      await fixture.tamper(
        `INSERT INTO api_keys (id, secret_hash, principal, principal_json, created_at, expires_at)
          VALUES ('k', 's', 'p', '{}', 1, 9223372036854775807)`,
      );
      await fixture.tamper("UPDATE changes SET settled_at = 9223372036854775807 WHERE first_idx = 0");
      await fixture.tamper(
        `INSERT INTO records (idx, time, leaf_hash, uid, correlation, code, body)
          VALUES (9223372036854775807, 1, ${fixture.bytes("00".repeat(32))}, 'u', 'c', 'credential.status.reconciled', '')`,
      );
      const done = await recover(fixture);
      expect(done).toMatchObject({
        sealed: { size: Number.MAX_SAFE_INTEGER, checkpoint: null, fault: expect.stringContaining("70000 characters") },
        carried: { changes: 1, records: 1, unproven: 1, damaged: [0], apiKeys: 1, lost: [long.id] },
      });
      const again = await fixture.open();
      expect(await again.overdue(now + hour)).toMatchObject([{ id: sound.id }]);
      await again.close();
    });

    it("leaves two logs that verify, each under the keys of its own name", async () => {
      const id = credential("AKIACHAIN00000000001");
      const [first, second, over] = [aChange({ credential: id }), aChange({ credential: id }), aChange()];
      const journal = await fixture.open();
      await journal.begin(anIntent(first, now));
      await journal.begin(anIntent(over, now));
      await journal.finish(over.id, ended(over, applied));
      const superseded = { result: "superseded", observed: null, supersededBy: second.id } as const;
      const record = reconciledRecord(first, superseded, now + hour);
      await journal.begin(anIntent(second, now + hour, { supersedes: { id: first.id, record } }));
      await journal.close();
      const done = await recover(fixture, { at: now + hour });
      const again = await fixture.open();
      await again.finish(second.id, ended(second, applied, now + hour));
      await again.close();
      for (const [sealed, trustedKey, size] of [
        [1, testLogKeys.trustedKeys[0], 5],
        [undefined, done.verifierKey, 5],
      ] as const) {
        const reader = await fixture.reader(sealed);
        const verified = await verifyLog(reader, { trustedKeys: [trustedKey ?? ""], now: now + hour });
        await reader.close();
        expect(verified).toMatchObject({ faults: [], size, signaturesJudged: true });
      }
    });

    it("recovers a log that a gateway refuses, its tail being damaged", async () => {
      const journal = await fixture.open();
      await journal.deny(aDenial(aChange()));
      await journal.deny(aDenial(aChange()));
      await journal.close();
      await fixture.tamper("UPDATE records SET body = 'another' WHERE idx = 1");
      await expect(fixture.open()).rejects.toThrow(/record 1 is not the one/);
      await recover(fixture);
      await (await fixture.open()).close();
    });

    it("is the way out of a log that was emptied under the name of a recovered one, which nobody opens", async () => {
      const journal = await fixture.open();
      await journal.deny(aDenial(aChange()));
      const head = await journal.head();
      await journal.close();
      for (const table of ["records", "checkpoints", "changes"]) await fixture.tamper(`DELETE FROM ${table}`);
      await fixture.tamper("UPDATE settings SET value = 'lockkeeper.test/log/recovered-1' WHERE name = 'origin'");
      await fixture.makeEmpty();
      await expect(fixture.open()).rejects.toThrow(/it was emptied: it is the log lockkeeper\.test\/log\/recovered-1/);
      expect(await recordsOf(fixture)).toEqual([]);
      const done = await recover(fixture, { memories: [aMemory(head?.checkpoint ?? "")] });
      expect(done).toMatchObject({ origin: "lockkeeper.test/log/recovered-2", sealed: { size: 0, checkpoint: null } });
      await (await fixture.open()).close();
    });

    it("leaves a log that is wrong when its first record does not tell of the recovery", async () => {
      const journal = await fixture.open(keysUnder(testLogKeys, originAfter(testLogKeys.origin, 1)));
      await journal.deny(aDenial(aChange()));
      await journal.close();
      const reader = await fixture.reader();
      const { faults } = await verifyLog(reader, { trustedKeys: [], now });
      await reader.close();
      expect(faults).toMatchObject([{ kind: "recovery-missing", index: 0 }]);
    });

    it("never uses an origin twice, though the database was put back to one before an earlier recovery", async () => {
      await (await fixture.open()).close();
      const root = Buffer.alloc(32);
      const note = (recovery: number, keys = keysUnder(testLogKeys, originAfter(testLogKeys.origin, recovery))) =>
        signNote(formatCheckpoint({ origin: originAfter(testLogKeys.origin, recovery), size: 9, root }), [
          parseSigner(keys?.signingKey ?? ""),
        ]);
      const unsigned = note(700, testLogKeys);
      const unreachable = aMemory(() => Promise.reject(new Error("no route")));
      const done = await recover(fixture, { memories: [aMemory(unsigned), aMemory(note(6)), unreachable] });
      expect(done.origin).toBe("lockkeeper.test/log/recovered-7");
      expect(done.outside.map(({ fault }) => fault)).toEqual([undefined, undefined, "no route"]);
      expect((await recover(fixture)).origin).toBe("lockkeeper.test/log/recovered-8");
    });

    it("works on the log that is configured, and on no other", async () => {
      await (await fixture.open()).close();
      const other = { ...testLogKeys, origin: "lockkeeper.test/other" };
      await expect(recover(fixture, { keys: other })).rejects.toMatchObject({
        code: "configuration",
        message: expect.stringContaining(
          "This is the log lockkeeper.test/log, and audit.origin is lockkeeper.test/other",
        ),
      });
    });

    it("wants a reason that fits into a record", async () => {
      await (await fixture.open()).close();
      await expect(recover(fixture, { reason: "  " })).rejects.toMatchObject({ code: "malformed-request" });
      await expect(recover(fixture, { reason: "x".repeat(2001) })).rejects.toMatchObject({ code: "malformed-request" });
    });

    it("leaves the old log in place when the new one cannot be made, and can be run again", async () => {
      const journal = await fixture.open();
      const change = aChange();
      await journal.begin(anIntent(change, now));
      await journal.close();
      const store = await fixture.recovery();
      const keys = keysUnder(testLogKeys, originAfter(testLogKeys.origin, 1)) ?? testLogKeys;
      const interrupted = store.replace(1, keys, async (newLog) => {
        await newLog.append([aDenial(aChange()).record]);
        throw new Error("interrupted");
      });
      await expect(interrupted).rejects.toThrow("interrupted");
      await store.close();
      const unchanged = await fixture.open();
      expect(await unchanged.head()).toMatchObject({ origin: "lockkeeper.test/log", size: 1 });
      expect(await unchanged.overdue(now + hour)).toMatchObject([{ id: change.id }]);
      await unchanged.close();
      expect((await recover(fixture)).origin).toBe("lockkeeper.test/log/recovered-1");
    });

    it("carries many changes over in their old order", async () => {
      const journal = await fixture.open();
      const changes = Array.from({ length: 700 }, (_, at) =>
        aChange({ credential: credential(`AKIA${String(at).padStart(16, "0")}`) }),
      );
      await Promise.all(changes.map((change) => journal.begin(anIntent(change, now))));
      await journal.close();
      const old = (await recordsOf(fixture)).map(({ body }) => body);
      await recover(fixture);
      const [, ...carried] = await recordsOf(fixture);
      expect(carried.map(({ body }) => body)).toEqual(old);
      const again = await fixture.open();
      expect(await again.head()).toMatchObject({ size: 701 });
      expect(await again.unsettled(now + hour)).toBe(700);
      await again.close();
    }, 30_000);
  });
}
