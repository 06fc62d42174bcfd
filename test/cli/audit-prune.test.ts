import { randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { databaseFile } from "../../src/audit/open-store.ts";
import { auditPrune } from "../../src/cli/audit-prune.ts";
import { openLog } from "../../src/open-log.ts";
import { cut, recordsIn } from "../audit/sqlite-fixture.ts";
import { aChange, aDenial } from "../fixture/changes.ts";
import { TestClock } from "../fixture/clock.ts";
import { configuredLog, configuredAccount as owner } from "../fixture/configured-log.ts";

let place: ReturnType<typeof configuredLog>;
let printed: string[];
let noted: string[];
const day = 86_400_000;
const written = Date.parse("2026-11-21T09:30:00Z");

beforeEach(async () => {
  place = configuredLog();
  printed = [];
  noted = [];
  const journal = await openLog({ config: place.config, owner }, { exclusive: true });
  for (let count = 0; count < 3; count += 1) await journal.deny(aDenial(aChange()));
  await journal.close();
});
afterEach(() => place.remove());

const prune = (before: string, { at = written + 100 * day, dryRun = false } = {}) =>
  auditPrune(
    {
      config: place.config,
      clock: new TestClock(at),
      output: { print: (line) => printed.push(line), note: (line) => noted.push(line) },
    },
    { before, dryRun },
  );

describe("lockkeeper audit prune", () => {
  it("says what it dropped, and what becomes of the space", async () => {
    await prune("90d");
    expect(printed).toEqual(["Dropped the bodies of 3 records before index 3, and 3 changes with them."]);
    expect(noted.at(-1)).toMatch(/the file gets no smaller by itself/);
  });

  it("only says what it would drop", async () => {
    await prune("90d", { dryRun: true });
    await prune("90d", { dryRun: true });
    expect(printed).toEqual([
      "Would drop the bodies of 3 records before index 3, and 3 changes with them.",
      "Would drop the bodies of 3 records before index 3, and 3 changes with them.",
    ]);
  });

  it.each([
    ["2026-11-21", 0],
    ["2026-11-22", 3],
    ["2026-11-21T09:30:00Z", 0],
    ["2026-11-21T09:30:00.001Z", 3],
    ["2026-11-21T10:30:01+01:00", 3],
    ["2400h", 0],
    ["99d", 3],
  ])("takes %s for what it says", async (before, records) => {
    await prune(before, { dryRun: true });
    expect(printed[0]).toContain(`the bodies of ${records} records`);
  });

  it.each(["yesterday", "2026", "2026-13-01", "2026-02-31", "90", "-90d", "90 d", "2026-11-21T09:30:00"])(
    "does not guess what %s is",
    async (before) => {
      await expect(prune(before)).rejects.toMatchObject({
        code: "malformed-request",
        message: expect.stringContaining("--before: Write a date, a time or an age"),
      });
    },
  );

  it("does not write to a log that an outside memory contradicts, and tells a memory nothing", async () => {
    const file = join(place.config.dataDir, "..", `${randomUUID()}.checkpoint`);
    const config = {
      ...place.config,
      audit: { ...place.config.audit, outside: { ...place.config.audit.outside, file } },
    };
    const journal = await openLog({ config, owner }, { exclusive: true });
    await journal.deny(aDenial(aChange()));
    const newest = (await journal.head())?.checkpoint ?? "";
    await journal.close();
    place = { ...place, config };
    writeFileSync(file, newest);
    cut(databaseFile(config.dataDir), 3);
    await expect(prune("90d")).rejects.toMatchObject({ code: "audit-rolled-back" });
    expect(recordsIn(databaseFile(config.dataDir))).toHaveLength(3);
    expect(readFileSync(file, "utf8")).toBe(newest);
    rmSync(file);
    mkdirSync(file);
    await prune("90d");
    expect(noted[0]).toMatch(/^The log could not be compared with the file .*, and is written to all the same: /);
    rmdirSync(file);
  });

  it("does not prune what is too young, whatever it is told", async () => {
    await expect(prune("2h")).rejects.toMatchObject({ code: "malformed-request" });
    await expect(prune("2100-01-01")).rejects.toMatchObject({ code: "malformed-request" });
  });
});
