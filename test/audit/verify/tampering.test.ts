import { copyFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openSqliteReader } from "../../../src/audit/sqlite/reader.ts";
import type { Kept } from "../../../src/audit/verify/outside.ts";
import { verifyLog } from "../../../src/audit/verify/verify-log.ts";
import { nextTestKey, testKey } from "../../fixture/log-keys.ts";
import { type Attack, attacked, verified } from "./attacked-log.ts";
import { Attacker } from "./attacker.ts";
import { onlyOutsideTells, pruned, withKey } from "./attacks-with-key.ts";
import { withoutKey } from "./attacks-without-key.ts";
import { appended, now, type RealLog, realLog } from "./real-log.ts";

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

  it("finds nothing wrong with one that nobody touched, and tells how much it has looked at", async () => {
    const verification = await verified(log.database, { receipts, checkpoints });
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
    expect(await verified(log.database, { trustedKeys: [] })).toMatchObject({ signaturesJudged: false, faults: [] });
  });

  it("calls a change overdue whose deadline is over, and lets the log be", async () => {
    const verification = await verified(log.database, { now: now + 30 * 86_400_000 });
    expect(verification).toMatchObject({ open: { count: 1, overdue: 1, first: 311 }, faultCount: 0 });
  });

  describe("names what is wrong, and where, when", () => {
    it.each(withoutKey)("$name", async (attack) => {
      const { expected, found, message } = await attacked(log, attack, {});
      expect(found, message).toEqual(expected);
    });
  });

  describe("names what contradicts itself, though it is signed with the stolen key:", () => {
    it.each(withKey)("$name", async (attack) => {
      const { expected, found, message } = await attacked(log, attack, {}, (by) => by.rebuild(1));
      expect(found, message).toEqual(expected);
    });
  });

  describe("needs a memory outside when the key was stolen and", () => {
    it.each(onlyOutsideTells)("$name", async (attack) => {
      const { verification } = await attacked(log, attack, {});
      expect(verification.faults).toEqual([]);
      for (const outside of [{ receipts }, { checkpoints }]) {
        const { expected, found, message } = await attacked(log, attack, outside);
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
    expect((await verified(copy.database, { receipts: receipt })).faults).toMatchObject([
      { kind: "outside-differs", index: 30, message: expect.stringContaining("is of another record 30") },
    ]);
    copy.remove();
  });

  it("tells a fork from the checkpoints of the other branch", async () => {
    const [one, other] = [log.copy(), log.copy()];
    const kept = await appended(one.database, (writer) => writer.denied(2));
    await appended(other.database, (writer) => writer.denied(5));
    const branch = kept.checkpoints.map((text) => ({ name: "of the other branch", text }));
    expect((await verified(other.database)).faults).toEqual([]);
    const { faults } = await verified(other.database, { checkpoints: [...checkpoints, ...branch] });
    expect(faults).toMatchObject([{ kind: "outside-differs", index: 315 }]);
    one.remove();
    other.remove();
  });

  it("tells a backup that was restored from a checkpoint that came after it", async () => {
    const [backup, copy] = [log.copy(), log.copy()];
    const later = await appended(copy.database, (writer) => writer.denied());
    copyFileSync(backup.database, copy.database);
    const [text = ""] = later.checkpoints;
    const { faults } = await verified(copy.database, { checkpoints: [{ name: "kept", text }] });
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
    const { faults } = await verified(copy.database);
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
    const { faults } = await verified(copy.database);
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
    const { verification } = await attacked(log, attack, {}, (by) => by.rebuild(by.size));
    expect(verification).toMatchObject({ faults: [], checked: { records: 316, bodies: 314, pruned: 2 } });
  });

  it("sees a log as it was when it was opened, whatever is appended meanwhile", async () => {
    const copy = log.copy();
    const reader = openSqliteReader(copy.database);
    await appended(copy.database, (writer) => writer.denied(3));
    const verification = await verifyLog(reader, { trustedKeys: [testKey.verifier], now });
    await reader.close();
    expect(verification).toMatchObject({ size: 315, faults: [] });
    expect(await verified(copy.database)).toMatchObject({ size: 318, faults: [] });
    copy.remove();
  });

  it("verifies a log of many records and heads", async () => {
    const big = await realLog(async (writer) => {
      for (let n = 0; n < 300; n += 1) await writer.denied(n % 20 === 0 ? 200 : 1);
    });
    expect(await verified(big.database)).toMatchObject({
      size: 3285,
      faults: [],
      checked: { bodies: 3285, roots: 300 },
    });
    const by = new Attacker(big.database);
    by.editBody(3000);
    by.run("UPDATE checkpoints SET note = replace(note, '— ', '— x') WHERE size = 3285");
    by.close();
    const { faults } = await verified(big.database);
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
    const both = await verified(copy.database, { trustedKeys: [testKey.verifier, nextTestKey.verifier] });
    expect(both.faults).toEqual([]);
    expect(both.keys.map(({ vkey }) => vkey)).toEqual([testKey.verifier, nextTestKey.verifier]);
    const former = await verified(copy.database);
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
    const { faults } = await verified(copy.database, { trustedKeys: [testKey.verifier, nextTestKey.verifier] });
    expect(faults).toMatchObject([
      { kind: "unsigned-tail" },
      { kind: "checkpoint-invalid", index: size - 1, message: expect.stringMatching(/6155dea4, which has replaced/) },
    ]);
    copy.remove();
  });

  it("does not take a log for another one", async () => {
    const { faults } = await verified(log.database, { origin: "lockkeeper.test/other" });
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
      expect((await verified(log.database, { receipts: kept })).faults).toMatchObject([{ kind: "outside-invalid" }]);
      expect((await verified(log.database, { checkpoints: kept })).faults).toMatchObject([{ kind: "outside-invalid" }]);
    }
  });
});
