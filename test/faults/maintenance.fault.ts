import { spawn } from "node:child_process";
import { cpSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import type { Journal } from "../../src/audit/journal.ts";
import { keysUnder } from "../../src/audit/lineage.ts";
import { outcomeRecord } from "../../src/audit/record.ts";
import { openSqliteReader } from "../../src/audit/sqlite/reader.ts";
import { openSqliteStore } from "../../src/audit/sqlite/store.ts";
import { openJournal } from "../../src/audit/store-journal.ts";
import { verifyLog } from "../../src/audit/verify/verify-log.ts";
import type { Change } from "../../src/changes/change.ts";
import { aChange, aDecision, anIntent } from "../fixture/changes.ts";
import { dataFolder } from "../fixture/data-folder.ts";
import { testLogKeys } from "../fixture/log-keys.ts";

const KILLS = Number(process.env["LOCKKEEPER_MAINTENANCE_KILLS"] ?? 40);
const owner = "123456789012";
const then = Date.parse("2026-01-01T00:00:00Z");
const now = then + 100 * 86_400_000;
const program = fileURLToPath(new URL("./programs/maintain.ts", import.meta.url));

async function journalOn(file: string): Promise<Journal> {
  const store = await openSqliteStore(file, { exclusive: true, owner, keys: testLogKeys });
  return openJournal(store, { deadlineMs: 20_000, maxQueue: 100_000 });
}

async function begin(journal: Journal, count: number, prefix: string): Promise<readonly Change[]> {
  const changes = Array.from({ length: count }, (_, at) =>
    aChange({
      credential: {
        type: "access-key",
        id: `${prefix}${String(at).padStart(12, "0")}`,
        userName: "Bob",
        account: owner,
      },
    }),
  );
  await Promise.all(changes.map((change) => journal.begin(anIntent(change, then))));
  return changes;
}

async function end(journal: Journal, changes: readonly Change[]): Promise<void> {
  const applied = { name: "applied", awsRequestId: "aws-1", httpStatus: 200 } as const;
  await Promise.all(
    changes.map((change) => {
      const record = outcomeRecord(change, aDecision(true), applied, "Active", then);
      return journal.finish(change.id, { record, step: "outcome", outcome: "applied", release: true, at: then });
    }),
  );
}

/** @returns whether it was done before it was killed, and how long it took; it is not killed at all without a delay */
async function maintain(
  file: string,
  what: "recover" | "prune",
  killAfterMs?: number,
): Promise<{ readonly done: boolean; readonly ms: number }> {
  const child = spawn(process.execPath, [program, file, what, String(now)], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  let done = false;
  let begun = 0;
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (line === "begins") {
      begun = performance.now();
      if (killAfterMs !== undefined) setTimeout(() => child.kill("SIGKILL"), killAfterMs);
    }
    if (line === "done") done = true;
  });
  await exited;
  return { done, ms: performance.now() - begun };
}

async function faultsOf(file: string): Promise<readonly unknown[]> {
  const reader = openSqliteReader(file);
  const origin = (await reader.head())?.note.split("\n")[0] ?? "";
  const keys = keysUnder(testLogKeys, origin);
  const { faults } = await verifyLog(reader, { trustedKeys: keys?.trustedKeys ?? [], now: then });
  await reader.close();
  return faults;
}

it(`kill -9 of audit recover, ${KILLS} times, loses no open change and leaves logs that verify`, async () => {
  const folder = dataFolder();
  const file = folder.database;
  const journal = await journalOn(file);
  await begin(journal, 400, "OPEN");
  await end(journal, await begin(journal, 100, "OVER"));
  await journal.close();
  const undisturbed = await maintain(file, "recover");
  expect(undisturbed.done).toBe(true);
  let recovered = 1;
  let done = 0;
  for (let kill = 0; kill < KILLS; kill += 1) {
    // Over all of its time, whatever machine this is.
    const killed = await maintain(file, "recover", (undisturbed.ms * 1.2 * (kill + 0.5)) / KILLS);
    if (killed.done) done += 1;
    const gateway = await journalOn(file);
    const [, number = "0"] = /recovered-(\d+)$/.exec((await gateway.head())?.origin ?? "") ?? [];
    expect([recovered, recovered + 1]).toContain(Number(number));
    recovered = Number(number);
    expect(await gateway.unsettled(now)).toBe(400);
    await gateway.close();
    expect(await faultsOf(file)).toEqual([]);
  }
  expect((await maintain(file, "recover")).done).toBe(true);
  const sealed = readdirSync(folder.path).filter((name) => name.includes(".sealed-"));
  expect(sealed).toHaveLength(recovered + 1);
  for (const name of sealed) expect(await faultsOf(join(folder.path, name))).toEqual([]);
  expect(readdirSync(folder.path).some((name) => name.includes("recovering"))).toBe(false);
  console.log(`${KILLS} kills of a recovery: ${done} came too late, ${recovered} logs were begun, 0 open changes lost`);
  expect(recovered).toBeLessThan(KILLS);
  folder.remove();
});

it(`kill -9 of audit prune, ${KILLS} times, leaves whole changes and a log that verifies`, async () => {
  const folder = dataFolder();
  const file = folder.database;
  const journal = await journalOn(file);
  await end(journal, await begin(journal, 6_000, "OVER"));
  await begin(journal, 10, "OPEN");
  await journal.close();
  const copy = dataFolder();
  cpSync(file, copy.database);
  const undisturbed = await maintain(copy.database, "prune");
  expect(undisturbed.done).toBe(true);
  copy.remove();
  let interrupted = 0;
  for (let kill = 0; kill < KILLS; kill += 1) {
    const gateway = await journalOn(file);
    const before = (await gateway.changes({ limit: 100_000, now })).changes.length;
    await gateway.close();
    if (before === 10) break;
    await maintain(file, "prune", undisturbed.ms * (0.2 + ((kill * 17) % 60) / 100));
    const again = await journalOn(file);
    const { changes } = await again.changes({ limit: 100_000, now });
    await again.close();
    expect(changes.filter((records) => records.length !== 2)).toHaveLength(10);
    if (changes.length > 10 && changes.length < before) interrupted += 1;
    expect(await faultsOf(file)).toEqual([]);
  }
  expect((await maintain(file, "prune")).done).toBe(true);
  const reader = openSqliteReader(file);
  let missing = 0;
  for await (const chunk of reader.records(0, 12_010)) missing += chunk.filter(({ body }) => body === null).length;
  await reader.close();
  expect(missing).toBe(12_000);
  expect(await faultsOf(file)).toEqual([]);
  console.log(`kills of a pruning: ${interrupted} in the middle of it, no change was cut in two`);
  expect(interrupted).toBeGreaterThan(0);
  folder.remove();
});
