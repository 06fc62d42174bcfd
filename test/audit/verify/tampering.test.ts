import { randomUUIDv7 } from "node:crypto";
import { copyFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { prunedRecord } from "../../../src/audit/log-record.ts";
import { outcomeRecord, reconciledRecord } from "../../../src/audit/record.ts";
import { openSqliteReader } from "../../../src/audit/sqlite/reader.ts";
import type { FaultKind } from "../../../src/audit/verify/findings.ts";
import type { Kept } from "../../../src/audit/verify/outside.ts";
import type { VerifyOptions } from "../../../src/audit/verify/verification.ts";
import { verifyLog } from "../../../src/audit/verify/verify-log.ts";
import { leafHash } from "../../../src/tlog/hash.ts";
import { aDecision, anIntent } from "../../fixture/changes.ts";
import { nextTestKey, testKey } from "../../fixture/log-keys.ts";
import { Attacker } from "./attacker.ts";
import { appended, now, type RealLog, realLog, userChange } from "./real-log.ts";

const INTENT = "credential.status.intent";
const OUTCOME = "credential.status.outcome";

interface Attack {
  readonly name: string;
  /** @returns the first fault, or none where only a memory outside can tell */
  readonly run: (by: Attacker) => readonly [FaultKind, number] | undefined;
}

/** Without the key: the log itself tells. */
const withoutKey: readonly Attack[] = [
  {
    name: "a body is edited",
    run(by) {
      by.editBody(7);
      return ["body-changed", 7];
    },
  },
  {
    name: "a byte of a body becomes one that is not UTF-8",
    run(by) {
      by.run("UPDATE records SET body = CAST(replace(CAST(body AS BLOB), x'6f', x'ff') AS TEXT) WHERE idx = 300");
      return ["body-changed", 300];
    },
  },
  {
    name: "a body is swapped together with its leaf",
    run(by) {
      by.editBody(7);
      by.run("UPDATE records SET leaf_hash = ? WHERE idx = 7", leafHash(by.body(7)));
      return ["root-differs", 7];
    },
  },
  {
    name: "a leaf hash is cut",
    run(by) {
      by.run("UPDATE records SET leaf_hash = substr(leaf_hash, 1, 31) WHERE idx = 5");
      return ["body-changed", 5];
    },
  },
  {
    name: "a body is dropped and its leaf hash cut",
    run(by) {
      by.run("UPDATE records SET body = NULL, leaf_hash = substr(leaf_hash, 1, 31) WHERE idx = 5");
      return ["body-changed", 5];
    },
  },
  {
    name: "a record is deleted",
    run(by) {
      by.run("DELETE FROM records WHERE idx = 4");
      return ["record-missing", 4];
    },
  },
  {
    name: "a record is deleted and the others are moved up",
    run(by) {
      by.removeRecord(4);
      return ["root-differs", 4];
    },
  },
  {
    name: "all records are deleted",
    run(by) {
      by.run("DELETE FROM records");
      return ["truncated", 0];
    },
  },
  {
    name: "two bodies are swapped",
    run(by) {
      const [one, other] = [by.body(3), by.body(9)];
      by.run("UPDATE records SET body = ? WHERE idx = 3", other);
      by.run("UPDATE records SET body = ? WHERE idx = 9", one);
      return ["body-changed", 3];
    },
  },
  {
    name: "two records are swapped",
    run(by) {
      by.run("UPDATE records SET idx = -1 WHERE idx = 3");
      by.run("UPDATE records SET idx = 3 WHERE idx = 9");
      by.run("UPDATE records SET idx = 9 WHERE idx = -1");
      return ["root-differs", 3];
    },
  },
  {
    name: "a record is put in",
    run(by) {
      by.insertRecord(6, by.body(3));
      return ["root-differs", 6];
    },
  },
  {
    name: "a record is put behind the end",
    run(by) {
      const end = by.size;
      by.insertRecord(end, by.body(3));
      return ["unsigned-tail", end];
    },
  },
  {
    name: "the tail is cut",
    run(by) {
      by.run("DELETE FROM records WHERE idx >= 290");
      return ["truncated", 290];
    },
  },
  {
    name: "the tail is cut in the middle of a commit, and the heads behind it",
    run(by) {
      const at = 200;
      by.run("DELETE FROM records WHERE idx >= ?", at);
      by.run("DELETE FROM checkpoints WHERE size > ?", at);
      return ["unsigned-tail", by.headBefore(at)];
    },
  },
  {
    name: "the newest head is removed",
    run(by) {
      by.run("DELETE FROM checkpoints WHERE size = ?", by.size);
      return ["unsigned-tail", by.headBefore(by.size)];
    },
  },
  {
    name: "all heads are removed",
    run(by) {
      by.run("DELETE FROM checkpoints");
      return ["unsigned-tail", 0];
    },
  },
  {
    name: "a head's root is altered",
    run(by) {
      const [origin, size, , ...rest] = String(
        by.db.prepare("SELECT note FROM checkpoints WHERE size = 5").get()?.["note"],
      ).split("\n");
      const root = Buffer.alloc(32, 1).toString("base64");
      by.run("UPDATE checkpoints SET note = ? WHERE size = 5", [origin, size, root, ...rest].join("\n"));
      return ["checkpoint-invalid", 4];
    },
  },
  {
    name: "a head is moved to another size",
    run(by) {
      by.run("UPDATE checkpoints SET note = (SELECT note FROM checkpoints WHERE size = 4) WHERE size = 5");
      return ["checkpoint-invalid", 4];
    },
  },
  {
    name: "a head is signed with another key",
    run(by) {
      by.rebuild(5, nextTestKey.signer);
      return ["checkpoint-invalid", 4];
    },
  },
  {
    name: "a head is of another log",
    run(by) {
      by.rebuild(5, testKey.signer, "lockkeeper.test/other");
      return ["checkpoint-invalid", 4];
    },
  },
  {
    name: "all heads are of another log than the key that signed them",
    run(by) {
      by.rebuild(1, testKey.signer, "lockkeeper.test/other");
      return ["checkpoint-invalid", 0];
    },
  },
  {
    name: "a hash of the tree is altered",
    run(by) {
      by.run("UPDATE nodes SET hash = zeroblob(32) WHERE level = 1 AND idx = 0");
      return ["node-changed", 0];
    },
  },
  {
    name: "a hash of the tree is removed",
    run(by) {
      by.run("DELETE FROM nodes WHERE level = 1 AND idx = 0");
      return ["node-changed", 0];
    },
  },
  {
    name: "a hash of records that are not there yet is put in",
    run(by) {
      by.run("INSERT INTO nodes (level, idx, hash) VALUES (1, 1, zeroblob(32))");
      return ["node-changed", by.size];
    },
  },
  {
    name: "a body is dropped",
    run(by) {
      by.run("UPDATE records SET body = NULL WHERE idx = 8");
      return ["body-missing", 8];
    },
  },
  ...(["uid", "correlation", "code"] as const).map(
    (column): Attack => ({
      name: `${column} beside a body is altered`,
      run(by) {
        by.run(`UPDATE records SET ${column} = 'x' WHERE idx = 8`);
        return ["columns-changed", 8];
      },
    }),
  ),
  {
    name: "the time beside a body is altered",
    run(by) {
      by.run("UPDATE records SET time = time + 1 WHERE idx = 8");
      return ["columns-changed", 8];
    },
  },
];

const change = userChange();
const ended = () =>
  outcomeRecord(change, aDecision(true), { name: "applied", awsRequestId: "1", httpStatus: 200 }, null, now);
const begun = () => anIntent(change, now).record;
const pruned = (beforeIndex: number, records = beforeIndex) =>
  prunedRecord(
    {
      operator: { name: "root", uid: 0 },
      origin: "lockkeeper.test/log",
      account: "123456789012",
      beforeIndex,
      before: now,
      records,
      changes: 0,
      checkpoint: "",
    },
    now,
  );
const denialAt = (time: number, by: Attacker) =>
  by
    .body(by.find("credential.status.denied"))
    .replace(/"time":[0-9]+/, `"time":${time}`)
    .replace(/"correlation_uid":"[^"]*"/, `"correlation_uid":"${randomUUIDv7()}"`);

/** With the stolen key: hashes and heads are right, but the log contradicts itself. */
const withKey: readonly Attack[] = [
  {
    name: "an outcome without an intent",
    run(by) {
      by.insertRecord(by.size, ended().body);
      return ["no-intent", by.size - 1];
    },
  },
  {
    name: "an outcome before its intent",
    run(by) {
      by.insertRecord(by.size, ended().body);
      by.insertRecord(by.size, begun().body);
      return ["no-intent", by.size - 2];
    },
  },
  {
    name: "an intent that was taken out",
    run(by) {
      by.removeRecord(by.find(INTENT));
      return ["no-intent", by.find(OUTCOME)];
    },
  },
  {
    name: "a second outcome",
    run(by) {
      by.insertRecord(by.size, by.body(by.find(OUTCOME)));
      return ["repeated", by.size - 1];
    },
  },
  {
    name: "a second outcome that says otherwise",
    run(by) {
      by.insertRecord(by.size, begun().body);
      by.insertRecord(by.size, ended().body);
      by.insertRecord(by.size, ended().body);
      return ["repeated", by.size - 1];
    },
  },
  {
    name: "a second intent of a change that has ended",
    run(by) {
      by.insertRecord(by.size, by.body(by.find(INTENT)));
      return ["repeated", by.size - 1];
    },
  },
  {
    name: "a second denial",
    run(by) {
      by.insertRecord(by.size, by.body(by.find("credential.status.denied")));
      return ["repeated", by.size - 1];
    },
  },
  {
    name: "a second read-back",
    run(by) {
      by.insertRecord(by.size, by.body(by.find("credential.status.reconciled")));
      return ["repeated", by.size - 1];
    },
  },
  {
    name: "a change that was superseded by one that is not there",
    run(by) {
      const one = userChange();
      const readBack = { result: "superseded", observed: null, supersededBy: randomUUIDv7() } as const;
      by.insertRecord(by.size, anIntent(one, now).record.body);
      by.insertRecord(by.size, reconciledRecord(one, readBack, now).body);
      return ["superseder-missing", by.size];
    },
  },
  {
    name: "a change that was superseded, and another record before the one that took its place",
    run(by) {
      const at = by.find("credential.status.reconciled", 13);
      const superseded = by.body(at).includes('"supersededBy"');
      if (!superseded) throw new Error("this is another read-back");
      by.insertRecord(at + 1, denialAt(now, by));
      return ["superseder-missing", at + 1];
    },
  },
  {
    name: "an outcome that was taken out, days ago",
    run(by) {
      const intent = by.find(INTENT);
      by.removeRecord(by.find(OUTCOME));
      by.insertRecord(by.size, denialAt(now + 3 * 86_400_000, by));
      return ["no-end", intent];
    },
  },
  {
    name: "something that is no record",
    run(by) {
      by.run("UPDATE records SET body = '[1]' WHERE idx = 30");
      return ["not-a-record", 30];
    },
  },
  {
    name: "a pruning that goes further than its record says",
    run(by) {
      by.insertRecord(by.size, pruned(4).body);
      by.run("UPDATE records SET body = NULL WHERE idx < 6");
      return ["body-missing", 4];
    },
  },
  {
    name: "a pruning of what comes after its record",
    run(by) {
      by.insertRecord(by.size, pruned(by.size + 10).body);
      by.run("UPDATE records SET body = NULL WHERE idx < 3");
      return ["body-missing", 0];
    },
  },
];

/** With the stolen key, and without contradiction: only what was kept outside tells. */
const onlyOutsideTells: readonly Attack[] = [
  {
    name: "a body is edited, and everything behind it made anew",
    run(by) {
      by.editBody(20);
      by.rebuild(21);
      return ["outside-differs", 20];
    },
  },
  {
    name: "the tail is cut and signed again",
    run(by) {
      by.run("DELETE FROM records WHERE idx >= 250");
      by.run("DELETE FROM checkpoints WHERE size >= 250");
      by.rebuild(250);
      return ["outside-differs", 250];
    },
  },
  {
    name: "the log is rolled back to an older state of it",
    run(by) {
      const at = by.headBefore(10);
      by.run("DELETE FROM records WHERE idx >= ?", at);
      by.run("DELETE FROM checkpoints WHERE size > ?", at);
      by.run("DELETE FROM nodes");
      return ["outside-differs", at];
    },
  },
  {
    name: "a record is put in and everything behind it made anew",
    run(by) {
      by.insertRecord(20, denialAt(now, by));
      by.rebuild(21);
      return ["outside-differs", 20];
    },
  },
];

describe("verifying a log", () => {
  let log: RealLog;
  let receipts: Kept[];
  let checkpoints: Kept[];
  beforeAll(async () => {
    log = await realLog();
    receipts = [...log.receipts].map(([index, text]) => ({ name: `of record ${index}`, text }));
    checkpoints = log.checkpoints.map((text, at) => ({ name: `number ${at}`, text }));
  });
  afterAll(() => log.remove());

  const verify = async (database: string, options: Partial<VerifyOptions> = {}) => {
    const reader = openSqliteReader(database);
    try {
      return await verifyLog(reader, { trustedKeys: [testKey.verifier], now, ...options });
    } finally {
      await reader.close();
    }
  };
  const attacked = async (
    attack: Attack,
    options: Partial<VerifyOptions>,
    after: (by: Attacker) => void = () => {},
  ) => {
    const copy = log.copy();
    const by = new Attacker(copy.database);
    const expected = attack.run(by);
    after(by);
    by.close();
    const verification = await verify(copy.database, options);
    copy.remove();
    const [fault] = verification.faults;
    return { expected, verification, found: fault && [fault.kind, fault.index], message: fault?.message };
  };

  it("finds nothing wrong with one that nobody touched, and tells how much it has looked at", async () => {
    const verification = await verify(log.database, { receipts, checkpoints });
    expect(verification.faults).toEqual([]);
    expect(verification).toMatchObject({
      origin: "lockkeeper.test/log",
      size: 315,
      signaturesJudged: true,
      checked: {
        records: 315,
        bodies: 315,
        pruned: 0,
        nodes: 1,
        heads: 22,
        roots: 22,
        changes: 8,
        outcomes: 6,
        readBacks: 6,
        denials: 294,
        receipts: receipts.length,
        checkpoints: 22,
      },
      keys: [{ vkey: testKey.verifier, heads: 22, first: 1, last: 315 }],
      open: { count: 1, overdue: 0, first: 311 },
      faultCount: 0,
    });
  });

  it("says when it had no key to judge by", async () => {
    expect(await verify(log.database, { trustedKeys: [] })).toMatchObject({ signaturesJudged: false, faults: [] });
  });

  it("calls a change overdue whose deadline is over, and lets the log be", async () => {
    const verification = await verify(log.database, { now: now + 30 * 86_400_000 });
    expect(verification).toMatchObject({ open: { count: 1, overdue: 1, first: 311 }, faultCount: 0 });
  });

  describe("names what is wrong, and where, when", () => {
    it.each(withoutKey)("$name", async (attack) => {
      const { expected, found, message } = await attacked(attack, {});
      expect(found, message).toEqual(expected);
    });
  });

  describe("names what contradicts itself, though it is signed with the stolen key:", () => {
    it.each(withKey)("$name", async (attack) => {
      const { expected, found, message } = await attacked(attack, {}, (by) => by.rebuild(1));
      expect(found, message).toEqual(expected);
    });
  });

  describe("needs a memory outside when the key was stolen and", () => {
    it.each(onlyOutsideTells)("$name", async (attack) => {
      const { verification } = await attacked(attack, {});
      expect(verification.faults).toEqual([]);
      for (const outside of [{ receipts }, { checkpoints }]) {
        const { expected, found, message } = await attacked(attack, outside);
        expect(found, message).toEqual(expected);
      }
    });
  });

  it("knows from one receipt which record is another one", async () => {
    const copy = log.copy();
    const by = new Attacker(copy.database);
    by.editBody(30);
    by.rebuild(21);
    by.close();
    const receipt = receipts.filter(({ name }) => name === "of record 30");
    expect((await verify(copy.database, { receipts: receipt })).faults).toMatchObject([
      { kind: "outside-differs", index: 30, message: expect.stringContaining("is of another record 30") },
    ]);
    copy.remove();
  });

  it("tells a fork from the checkpoints of the other branch", async () => {
    const [one, other] = [log.copy(), log.copy()];
    const kept = await appended(one.database, (writer) => writer.denied(2));
    await appended(other.database, (writer) => writer.denied(5));
    const branch = kept.checkpoints.map((text) => ({ name: "of the other branch", text }));
    expect((await verify(other.database)).faults).toEqual([]);
    const { faults } = await verify(other.database, { checkpoints: [...checkpoints, ...branch] });
    expect(faults).toMatchObject([{ kind: "outside-differs", index: 315 }]);
    one.remove();
    other.remove();
  });

  it("tells a backup that was restored from a checkpoint that came after it", async () => {
    const [backup, copy] = [log.copy(), log.copy()];
    const later = await appended(copy.database, (writer) => writer.denied());
    copyFileSync(backup.database, copy.database);
    const [text = ""] = later.checkpoints;
    const { faults } = await verify(copy.database, { checkpoints: [{ name: "kept", text }] });
    expect(faults).toMatchObject([{ kind: "outside-differs", index: 315 }]);
    backup.remove();
    copy.remove();
  });

  it.each([
    { what: "more bodies are missing than a pruning has dropped", prunings: [[310, 3]], from: 0, first: 0 },
    { what: "an older pruning hides what a newer one has not dropped", prunings: [[4], [310, 3]], from: 2, first: 4 },
  ])("notices when $what", async ({ prunings, from, first }) => {
    const copy = log.copy();
    const by = new Attacker(copy.database);
    for (const [before = 0, records] of prunings) by.insertRecord(by.size, pruned(before, records).body);
    by.run("UPDATE records SET body = NULL WHERE idx >= ? AND idx < ?", from, from + 6);
    by.rebuild(by.size);
    by.close();
    const { faults } = await verify(copy.database);
    expect(faults).toMatchObject([{ kind: "body-missing", index: first }]);
    copy.remove();
  });

  it("notices that a body of a kind that is never pruned is missing below a pruning", async () => {
    const copy = log.copy();
    const by = new Attacker(copy.database);
    by.insertRecord(by.size, pruned(2).body);
    by.insertRecord(by.size, pruned(by.size).body);
    const first = by.size - 2;
    by.run("UPDATE records SET body = NULL WHERE idx = ?", first);
    by.rebuild(by.size);
    by.close();
    const { faults } = await verify(copy.database);
    expect(faults).toMatchObject([{ kind: "body-missing", index: first }]);
    copy.remove();
  });

  it("accepts bodies that a record says were pruned, and outcomes whose intents were among them", async () => {
    const attack: Attack = {
      name: "pruned",
      run(by) {
        by.insertRecord(by.size, pruned(2).body);
        by.run("UPDATE records SET body = NULL WHERE idx < 2");
        return undefined;
      },
    };
    const { verification } = await attacked(attack, {}, (by) => by.rebuild(by.size));
    expect(verification).toMatchObject({ faults: [], checked: { records: 316, bodies: 314, pruned: 2 } });
  });

  it("sees a log as it was when it was opened, whatever is appended meanwhile", async () => {
    const copy = log.copy();
    const reader = openSqliteReader(copy.database);
    await appended(copy.database, (writer) => writer.denied(3));
    const verification = await verifyLog(reader, { trustedKeys: [testKey.verifier], now });
    await reader.close();
    expect(verification).toMatchObject({ size: 315, faults: [] });
    expect(await verify(copy.database)).toMatchObject({ size: 318, faults: [] });
    copy.remove();
  });

  it("verifies a log of many records and heads", async () => {
    const big = await realLog(async (writer) => {
      for (let n = 0; n < 300; n += 1) await writer.denied(n % 20 === 0 ? 200 : 1);
    });
    expect(await verify(big.database)).toMatchObject({ size: 3285, faults: [], checked: { bodies: 3285, roots: 300 } });
    const by = new Attacker(big.database);
    by.editBody(3000);
    by.run("UPDATE checkpoints SET note = replace(note, '— ', '— x') WHERE size = 3285");
    by.close();
    const { faults } = await verify(big.database);
    expect(faults.map(({ kind, index }) => [kind, index])).toEqual([
      ["body-changed", 3000],
      ["checkpoint-invalid", 3284],
      ["unsigned-tail", 3284],
    ]);
    big.remove();
  });

  it("believes former keys as far as it is told to", async () => {
    const copy = log.copy();
    const keys = { origin: "lockkeeper.test/log", signingKey: nextTestKey.signer, trustedKeys: [testKey.verifier] };
    await appended(copy.database, (writer) => writer.denied(2), keys);
    const both = await verify(copy.database, { trustedKeys: [testKey.verifier, nextTestKey.verifier] });
    expect(both.faults).toEqual([]);
    expect(both.keys.map(({ vkey }) => vkey)).toEqual([testKey.verifier, nextTestKey.verifier]);
    const former = await verify(copy.database);
    expect(former.faults[0]).toMatchObject({ kind: "checkpoint-invalid", index: 315 });
    copy.remove();
  });

  it("does not believe a former key any more once another one has signed", async () => {
    const copy = log.copy();
    const keys = { origin: "lockkeeper.test/log", signingKey: nextTestKey.signer, trustedKeys: [testKey.verifier] };
    await appended(copy.database, (writer) => writer.denied(2), keys);
    const by = new Attacker(copy.database);
    const size = by.size;
    by.editBody(size - 1);
    by.rebuild(size, testKey.signer);
    by.close();
    const { faults } = await verify(copy.database, { trustedKeys: [testKey.verifier, nextTestKey.verifier] });
    expect(faults).toMatchObject([
      { kind: "unsigned-tail" },
      { kind: "checkpoint-invalid", index: size - 1, message: expect.stringMatching(/6155dea4, which has replaced/) },
    ]);
    copy.remove();
  });

  it("does not take a log for another one", async () => {
    const { faults } = await verify(log.database, { origin: "lockkeeper.test/other" });
    expect(faults[0]).toMatchObject({ kind: "checkpoint-invalid", index: 0 });
  });

  it("refuses receipts and checkpoints that were forged", async () => {
    const [receipt, checkpoint] = [receipts[0]?.text ?? "", log.checkpoints[3] ?? ""];
    const forged = [
      receipt.replace("index ", "index 1"),
      receipt.replace(/^extra .*$/m, `extra ${Buffer.from("{}").toString("base64")}`),
      checkpoint.replace("lockkeeper", "lookkeeper"),
      "nonsense",
    ];
    for (const text of forged) {
      const kept = [{ name: "forged", text }];
      expect((await verify(log.database, { receipts: kept })).faults).toMatchObject([{ kind: "outside-invalid" }]);
      expect((await verify(log.database, { checkpoints: kept })).faults).toMatchObject([{ kind: "outside-invalid" }]);
    }
  });
});
