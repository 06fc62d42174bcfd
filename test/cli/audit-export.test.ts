import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openSqliteReader } from "../../src/audit/sqlite/reader.ts";
import { auditExport, type ExportArguments } from "../../src/cli/audit-export.ts";
import { auditVerify } from "../../src/cli/audit-verify.ts";
import { Attacker } from "../audit/verify/attacker.ts";
import { appended, now, type RealLog, realLog } from "../audit/verify/real-log.ts";
import { TestClock } from "../fixture/clock.ts";
import { refusal } from "../fixture/errors.ts";
import { testKey } from "../fixture/log-keys.ts";

/** Keeps what is written to it, and takes its time. */
class Kept extends Writable {
  readonly chunks: Buffer[] = [];

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.chunks.push(chunk);
    setImmediate(done);
  }

  get lines(): string[] {
    return Buffer.concat(this.chunks).toString().split("\n").slice(0, -1);
  }
}

async function run(typed: ExportArguments, clock = new TestClock(), signal = new AbortController().signal) {
  const stdout = new Kept();
  const noted: string[] = [];
  const output = { print: () => {}, note: (line: string) => noted.push(line) };
  await auditExport({ clock, output, stdout, signal }, typed);
  return { lines: stdout.lines, noted };
}

async function bodies(database: string, from = 0): Promise<string[]> {
  const reader = openSqliteReader(database);
  const found: string[] = [];
  for await (const entries of reader.records(from, await reader.size())) {
    found.push(...entries.map(({ body }) => String(body)));
  }
  await reader.close();
  return found;
}

describe("lockkeeper audit export", () => {
  let log: RealLog;
  let folder: string;
  beforeAll(async () => {
    log = await realLog();
    folder = mkdtempSync(join(tmpdir(), "lockkeeper-export-"));
  });
  afterAll(() => {
    log.remove();
    rmSync(folder, { recursive: true });
  });
  const ocsf = (more: Partial<ExportArguments> = {}) => ({ where: log.database, format: "ocsf", ...more });

  it("writes a folder that verifies, and goes on in it", async () => {
    const out = join(folder, "tiles");
    const { noted } = await run({ where: log.database, format: "tiles", out });
    expect(noted[0]).toBe(`${out} holds 315 records of the log lockkeeper.test/log; 315 of them were written now.`);
    const output = { print: () => {}, note: () => {} };
    const key = [testKey.verifier];
    expect(await auditVerify({ clock: new TestClock(), output }, { where: out, key })).toBe(0);
    expect((await run({ where: log.database, format: "tiles", out })).noted[0]).toContain(
      "; 59 of them were written now.",
    );
  });

  it("writes each event as the line that is stored, and says from where to go on", async () => {
    const { lines, noted } = await run(ocsf());
    expect(lines).toEqual(await bodies(log.database));
    expect(noted).toEqual(["315 records written. To go on: --from 315"]);
    for (const line of lines) expect(JSON.parse(line)).toMatchObject({ class_uid: 6003 });
  });

  it("goes on from an index", async () => {
    const { lines } = await run(ocsf({ from: "300" }));
    expect(lines).toEqual(await bodies(log.database, 300));
    expect((await run(ocsf({ from: "315" }))).lines).toEqual([]);
  });

  it("filters by code, time and user, each without losing its place", async () => {
    const all = (await bodies(log.database)).map((line) => JSON.parse(line));
    const wanted = async (more: Partial<ExportArguments>, keep: (event: (typeof all)[number]) => boolean) => {
      const { lines, noted } = await run(ocsf(more));
      expect(lines.map((line) => JSON.parse(line))).toEqual(all.filter(keep));
      expect(lines.length).toBeGreaterThan(0);
      expect(lines.length).toBeLessThan(all.length);
      expect(noted[0]).toContain("To go on: --from 315");
    };
    const code = "credential.status.outcome";
    await wanted({ code }, (event) => event.metadata.event_code === code);
    await wanted({ user: "BOB" }, (event) => event.resources?.[0].owner.name === "Bob");
    const [since, until] = [now + 10_000, now + 20_002];
    const times = { since: new Date(since).toISOString(), until: new Date(until).toISOString() };
    await wanted(times, (event) => event.time >= since && event.time < until);
    expect((await run(ocsf({ since: "2030-01-01" }))).lines).toEqual([]);
  });

  it("writes to a new file, and to its end when told from where", async () => {
    const out = join(folder, "events.jsonl");
    const copy = log.copy();
    await run(ocsf({ where: copy.database, out }));
    await appended(copy.database, (writer) => writer.denied(3));
    expect((await refusal(run(ocsf({ where: copy.database, out })))).message).toContain("is there already");
    await run(ocsf({ where: copy.database, out, from: "315" }));
    expect(readFileSync(out, "utf8").split("\n").slice(0, -1)).toEqual(await bodies(copy.database));
    copy.remove();
  });

  it("follows a log until it is stopped", async () => {
    const copy = log.copy();
    const stop = new AbortController();
    let rounds = 0;
    class AppendingClock extends TestClock {
      override async sleep(ms: number, signal?: AbortSignal): Promise<void> {
        await super.sleep(ms, signal);
        rounds += 1;
        if (rounds === 1) await appended(copy.database, (writer) => writer.denied(2));
        if (rounds === 3) stop.abort();
      }
    }
    const { lines, noted } = await run(
      ocsf({ where: copy.database, from: "315", follow: true }),
      new AppendingClock(),
      stop.signal,
    );
    expect(lines).toEqual(await bodies(copy.database, 315));
    expect(noted).toEqual(["2 records written. To go on: --from 317"]);
    copy.remove();
  });

  it("passes over bodies that were pruned, and counts them", async () => {
    const copy = log.copy();
    const by = new Attacker(copy.database);
    by.run("UPDATE records SET body = NULL WHERE idx < 15");
    by.close();
    const { lines, noted } = await run(ocsf({ where: copy.database }));
    expect(lines).toHaveLength(300);
    expect(noted).toEqual(["300 records written; 15 have been pruned. To go on: --from 315"]);
    copy.remove();
  });

  it("stops before a body that is not one line, and says where", async () => {
    const copy = log.copy();
    const by = new Attacker(copy.database);
    by.run("UPDATE records SET body = body || char(10) || '{}' WHERE idx = 8");
    by.close();
    expect((await refusal(run(ocsf({ where: copy.database })))).message).toContain("Record 8 is not one line");
    copy.remove();
  });

  it("ends quietly when nobody reads any more", async () => {
    const stdout = new Writable({
      write(_chunk, _encoding, done) {
        done(Object.assign(new Error("gone"), { code: "EPIPE" }));
      },
    });
    const output = { print: () => {}, note: () => {} };
    const signal = new AbortController().signal;
    await auditExport({ clock: new TestClock(), output, stdout, signal }, ocsf());
  });

  it.each([
    [{ format: "xml" }, "--format: Choose one of: tiles, ocsf."],
    [{ format: "tiles" }, "Name the folder"],
    [{ format: "tiles", out: "x", code: "y" }, "always of the whole log"],
    [{ from: "-1" }, "--from: An index is a number"],
    [{ from: "316" }, "The log has 315 records"],
    [{ since: "yesterday" }, "--since: Write a time"],
    [{ until: "2026-13-01" }, "--until: Write a time"],
    [{ out: "/nowhere/x" }, "cannot be written to /nowhere/x: ENOENT"],
  ])("refuses what it does not understand: %j", async (typed, message) => {
    expect((await refusal(run(ocsf(typed)))).message).toContain(message);
    expect(existsSync("x")).toBe(false);
  });

  it("does not write into a folder of something else", async () => {
    writeFileSync(join(folder, "mine"), "");
    const out = folder;
    expect((await refusal(run({ where: log.database, format: "tiles", out }))).message).toContain("holds no export");
  });
});
