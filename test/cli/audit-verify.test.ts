import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeExport } from "../../src/audit/export/write-export.ts";
import { openSqliteReader } from "../../src/audit/sqlite/reader.ts";
import { auditVerify, type VerifyArguments } from "../../src/cli/audit-verify.ts";
import { Attacker } from "../audit/verify/attacker.ts";
import { appended, type RealLog, realLog } from "../audit/verify/real-log.ts";
import { TestClock } from "../fixture/clock.ts";
import { refusal } from "../fixture/errors.ts";
import { nextTestKey, testKey } from "../fixture/log-keys.ts";

const key = [testKey.verifier];

async function verify(typed: VerifyArguments, clock = new TestClock()) {
  const [printed, noted]: [string[], string[]] = [[], []];
  const output = { print: (line: string) => printed.push(line), note: (line: string) => noted.push(line) };
  const code = await auditVerify({ clock, output }, typed);
  return { code, printed: printed.join("\n"), noted: noted.join("\n") };
}

describe("lockkeeper audit verify", () => {
  let log: RealLog;
  let folder: string;
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  beforeAll(async () => {
    log = await realLog();
    folder = mkdtempSync(join(tmpdir(), "lockkeeper-verify-"));
  });
  afterAll(() => {
    log.remove();
    rmSync(folder, { recursive: true });
  });

  it("says what it has checked, and ends with 0", async () => {
    const receipt = [file("a.tlog-proof", log.receipts.get(2) ?? "")];
    const checkpoint = [file("checkpoint", log.checkpoints[5] ?? "")];
    const { code, printed, noted } = await verify({ where: log.database, key, receipt, checkpoint });
    expect(printed.split("\n")).toEqual([
      log.database,
      "  log       lockkeeper.test/log",
      "  records   315 of 315; 315 bodies hashed, 0 pruned",
      expect.stringMatching(/^ {2}tree {6}1 stored hashes compared; root [0-9a-f]{64}$/),
      "  heads     22 read, the roots of 22 compared",
      `  signed by ${testKey.verifier}: 22 heads, of 1 to 315 records`,
      "  changes   8 begun; 6 outcomes, 6 read-backs",
      "  denials   294",
      "  open      1 without an end so far, the first at index 311; 0 of them overdue",
      "  outside   1 receipts and 1 checkpoints compared",
      "sound: nothing is wrong",
    ]);
    expect([code, noted]).toEqual([0, ""]);
  });

  it("verifies a data folder, and an export of it, alike", async () => {
    const reader = openSqliteReader(log.database);
    await writeExport(reader, join(folder, "export"));
    await reader.close();
    for (const where of [log.folder, join(folder, "export")]) {
      expect(await verify({ where, key })).toMatchObject({ code: 0, printed: expect.stringContaining("sound") });
    }
  });

  it("names the first thing that is wrong with its index, and ends with 1", async () => {
    const copy = log.copy();
    const by = new Attacker(copy.database);
    by.editBody(12);
    by.editBody(7);
    by.close();
    const { code, printed } = await verify({ where: copy.database, key });
    expect(code).toBe(1);
    expect(printed).toContain(
      "WRONG, first at index 7: The body of record 7 is not the one that was hashed into the log. [body-changed]\n       then  at index 12:",
    );
    expect(printed).not.toContain("sound");
    copy.remove();
  });

  it("never calls a log sound without a key, and says by which it claims to be signed", async () => {
    const { code, printed, noted } = await verify({ where: log.database });
    expect(code).toBe(1);
    expect(printed).not.toContain("sound");
    expect(noted).toContain("No key was given, so nobody's signature was judged");
    expect(noted).toContain(testKey.verifier);
  });

  it("takes no other log for the one that is named, here or in the configuration", async () => {
    const named = async (name: string) => (await verify({ where: log.database, key, origin: name })).code;
    expect([await named("lockkeeper.test/log"), await named("lockkeeper.test/other")]).toEqual([0, 1]);
    const configured = async (name: string) => {
      const rest = { iam: { account: "123456789012" }, policy: { dataFile: file("data.json", "{}") } };
      const audit = { origin: name, signingKeyFile: file("key", `${testKey.signer}\n`) };
      const config = file("config.yaml", JSON.stringify({ ...rest, audit }));
      return (await verify({ where: log.database, key, config })).code;
    };
    expect([await configured("lockkeeper.test/log"), await configured("lockkeeper.test/other")]).toEqual([0, 1]);
  });

  it("takes keys from a file, and believes no other", async () => {
    const keyFile = [file("keys", `${nextTestKey.verifier}\r\n${testKey.verifier}\n`)];
    expect((await verify({ where: log.database, keyFile })).code).toBe(0);
    const { code, printed } = await verify({ where: log.database, key: [nextTestKey.verifier] });
    expect([code, printed]).toEqual([
      1,
      expect.stringContaining("WRONG, first at index 0: The signed head of 1 records"),
    ]);
  });

  it("takes a receipt as the API replies it", async () => {
    const proof = log.receipts.get(2) ?? "";
    const receipt = [file("reply.json", JSON.stringify({ id: "x", receipt: { index: 2, proof } }))];
    expect(await verify({ where: log.database, key, receipt })).toMatchObject({ code: 0 });
  });

  it("tells an older state of the log from a checkpoint that was kept", async () => {
    const copy = log.copy();
    const { checkpoints } = await appended(copy.database, (writer) => writer.denied(1));
    const checkpoint = [file("newest", checkpoints[0] ?? "")];
    const { code, printed } = await verify({ where: log.database, key, checkpoint });
    expect(code).toBe(1);
    expect(printed).toContain(`WRONG, first at index 315: The checkpoint ${checkpoint[0]} is of 316 records`);
    copy.remove();
  });

  it("speaks JSON to programs", async () => {
    const { code, printed } = await verify({ where: log.database, key, json: true });
    expect(code).toBe(0);
    expect(JSON.parse(printed)).toMatchObject({
      sound: true,
      log: log.database,
      origin: "lockkeeper.test/log",
      size: 315,
      signaturesJudged: true,
      checked: { records: 315, heads: 22 },
      faults: [],
    });
  });

  it("shows on a long run how far it has come", async () => {
    // Each look at the clock takes a second.
    class SlowClock extends TestClock {
      override now(): number {
        this.advance(1_000);
        return super.now();
      }
    }
    const { noted } = await verify({ where: log.database, key }, new SlowClock());
    expect(noted).toBe("");
    const big = await realLog(async (writer) => {
      for (let n = 0; n < 4; n += 1) await writer.denied(400);
    });
    const { noted: shown } = await verify({ where: big.database, key }, new SlowClock());
    expect(shown).toBe("verified: 1024 of 1600 records (64 %)");
    big.remove();
  });

  it.each([
    [{ where: "/nowhere" }, "Cannot read an audit log from /nowhere"],
    [{ where: tmpdir() }, "it is no export"],
    [{ key: ["PRIVATE+KEY+x"] }, "Key 1 of 1 cannot be used"],
    [{ receipt: ["/nowhere"] }, "/nowhere cannot be read"],
    [{ checkpoint: ["/nowhere"] }, "/nowhere cannot be read"],
  ])("says why it cannot even be tried: %j", async (typed, message) => {
    expect((await refusal(verify({ where: log.database, key, ...typed }))).message).toContain(message);
  });
});
