import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openSqliteReader } from "../../src/audit/sqlite/reader.ts";
import { verifyLog } from "../../src/audit/verify/verify-log.ts";
import { auditRecover } from "../../src/cli/audit-recover.ts";
import { systemClock } from "../../src/clock.ts";
import type { Config } from "../../src/config.ts";
import { createLog } from "../../src/log.ts";
import { followOutside, openLog } from "../../src/open-log.ts";
import { aChange, aDenial, anIntent } from "../fixture/changes.ts";
import { configuredLog, configuredAccount as owner } from "../fixture/configured-log.ts";
import { testKey } from "../fixture/log-keys.ts";

let place: ReturnType<typeof configuredLog>;
let config: Config;
let memory: string;
let printed: string[];
let noted: string[];

beforeEach(() => {
  const outside = configuredLog();
  memory = join(outside.folder, "elsewhere");
  mkdirSync(memory);
  place = configuredLog({ audit: { outside: { file: join(memory, "checkpoint") } } });
  config = place.config;
  printed = [];
  noted = [];
});
afterEach(() => {
  place.remove();
  rmSync(join(memory, ".."), { recursive: true, force: true });
});

const { log } = createLog({ level: "silent", format: "json" });

/** What a gateway does with its log from its start to its end. */
async function run(records: number, begun?: ReturnType<typeof aChange>): Promise<void> {
  const journal = await openLog({ config, owner }, { exclusive: true });
  try {
    const publisher = await followOutside({ config, journal, clock: systemClock, log, onRolledBack: () => {} });
    if (begun) await journal.begin(anIntent(begun, Date.now()));
    for (let count = 0; count < records; count += 1) await journal.deny(aDenial(aChange()));
    await publisher.stop();
  } finally {
    await journal.close();
  }
}

const recover = (reason = "the disk was lost") =>
  auditRecover(
    {
      config,
      clock: { now: () => systemClock.now(), sleep: async () => {} },
      output: { print: (line) => printed.push(line), note: (line) => noted.push(line) },
    },
    { reason },
  );
const remembered = () => readFileSync(join(memory, "checkpoint"), "utf8");

describe("lockkeeper audit recover", () => {
  it("is the way out when a restored backup was recognised as a roll-back", async () => {
    const open = aChange();
    await run(3, open);
    const backup = join(place.folder, "backup");
    cpSync(config.dataDir, backup, { recursive: true });
    await run(4);
    expect(remembered()).toContain("lockkeeper.test/log\n8\n");

    rmSync(config.dataDir, { recursive: true });
    cpSync(backup, config.dataDir, { recursive: true });
    await expect(run(1)).rejects.toMatchObject({
      code: "audit-rolled-back",
      message: expect.stringMatching(/remembers 8 records, and the log here has 4\. Put the newest copy/),
    });
    // What was refused was not written to, here or outside.
    await expect(run(1)).rejects.toThrow(/remembers 8 records, and the log here has 4/);

    const lastSeen = remembered();
    await recover("restored from last night's backup");
    expect(noted[0]).toMatch(/^The log lockkeeper\.test\/log of 4 records is sealed: .*lockkeeper\.sealed-1\.db/);
    expect(noted[1]).toMatch(/^The log lockkeeper\.test\/log\/recovered-1 begins\. .* 1 changes that are open/);
    await run(2);
    expect(remembered()).toContain("lockkeeper.test/log/recovered-1\n4\n");

    const reader = openSqliteReader(join(config.dataDir, "lockkeeper.db"));
    const bodies: string[] = [];
    for await (const chunk of reader.records(0, 2)) bodies.push(...chunk.map(({ body }) => String(body)));
    const [first, carried] = bodies.map((body) => JSON.parse(body));
    expect(first).toMatchObject({
      actor: { user: { name: userInfo().username } },
      unmapped: { reason: "restored from last night's backup", outside: [{ checkpoint: lastSeen }] },
    });
    expect(carried.metadata.correlation_uid).toBe(open.id);
    const verified = await verifyLog(reader, { trustedKeys: printed, now: Date.now() });
    expect(verified).toMatchObject({ faults: [], size: 4, signaturesJudged: true });
    await reader.close();
  });

  it("gives a public key of the new name and the old material", async () => {
    await run(1);
    await recover();
    expect(printed).toHaveLength(1);
    const [name, , ...material] = printed[0]?.split("+") ?? [];
    expect([name, material]).toEqual(["lockkeeper.test/log/recovered-1", testKey.verifier.split("+").slice(2)]);
  });

  it("is the way out when the whole log has gone", async () => {
    await run(3);
    rmSync(config.dataDir, { recursive: true });
    await expect(run(1)).rejects.toThrow(/remembers 3 records, and the log here has 0/);
    await recover();
    await run(1);
    expect(remembered()).toContain("lockkeeper.test/log/recovered-1\n2\n");
  });

  it("is no way around a memory that somebody has written into", async () => {
    await run(1);
    writeFileSync(join(memory, "checkpoint"), "nothing that anybody signed");
    await recover();
    await expect(run(1)).rejects.toMatchObject({ code: "configuration" });
  });

  it("changes nothing without a reason", async () => {
    await run(1);
    await expect(recover(" ")).rejects.toMatchObject({ code: "malformed-request" });
    expect(readdirSync(config.dataDir).some((name) => name.includes("sealed"))).toBe(false);
    await run(1);
  });
});
