import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { auditExport } from "../../src/cli/audit-export.ts";
import { auditShow } from "../../src/cli/audit-show.ts";
import { auditVerify, type VerifyArguments } from "../../src/cli/audit-verify.ts";
import { openLog } from "../../src/open-log.ts";
import { aChange, aDenial } from "../fixture/changes.ts";
import { TestClock } from "../fixture/clock.ts";
import { configuredLog, configuredAccount as owner } from "../fixture/configured-log.ts";
import { nextTestKey, testKey } from "../fixture/log-keys.ts";
import { newSchema, postgresDatabase } from "../fixture/postgres.ts";

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanUp.splice(0).reverse()) await clean();
});

/** A configured log with one record. @returns the configuration's file */
async function configured(sections: Parameters<typeof configuredLog>[0] = {}): Promise<string> {
  const place = configuredLog(sections);
  cleanUp.push(place.remove);
  const journal = await openLog({ config: place.config, owner }, { exclusive: true });
  await journal.deny(aDenial(aChange()));
  await journal.close();
  return join(place.folder, "lockkeeper.yaml");
}

const clock = new TestClock();
const printed: string[] = [];
const output = { print: (line: string) => printed.push(line), note: () => {} };
const verify = (typed: VerifyArguments) => auditVerify({ clock, output }, typed);

describe("the commands that read a log", () => {
  it.each(["a file", "PostgreSQL"])("find the configured one and its keys, in %s", async (kind) => {
    const database = kind === "PostgreSQL" ? await postgresDatabase() : undefined;
    if (database !== undefined) cleanUp.push(() => database.drop());
    const config = await configured(database && { postgres: { ...database.address, schema: newSchema() } });
    expect(await verify({ config })).toBe(0);
    expect(await verify({ config, key: [nextTestKey.verifier] })).toBe(1);

    printed.length = 0;
    await auditShow(output, "0", { dataDir: "/nowhere", config, last: 1 });
    expect(JSON.parse(printed[0] ?? "")).toMatchObject({ index: 0, record: { class_uid: 6003 } });

    const out = join(config, "../export");
    const { signal } = new AbortController();
    await auditExport({ clock, output, stdout: process.stdout, signal }, { config, format: "tiles", out });
    expect(await verify({ where: out, key: [testKey.verifier] })).toBe(0);
    expect(await verify({ where: out, config })).toBe(0);
    expect(await verify({ where: out })).toBe(1);
  });
});
