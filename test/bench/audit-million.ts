import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Journal } from "../../src/audit/journal.ts";
import { openSqliteReader } from "../../src/audit/sqlite/reader.ts";
import { openSqliteStore } from "../../src/audit/sqlite/store.ts";
import { openJournal } from "../../src/audit/store-journal.ts";
import { verifyLog } from "../../src/audit/verify/verify-log.ts";
import { extraUser } from "../../src/sandbox/iam/seed.ts";
import { testKey, testLogKeys } from "../fixture/log-keys.ts";
import { denials } from "./audit-records.ts";
import { loop } from "./callers.ts";
import { median, percentile } from "./statistics.ts";

const MILLION = 1_000_000;
const ROUNDS = 5;
const APPENDS = 300;
const QUESTIONS = 300;

const open = (file: string) => openSqliteStore(file, { exclusive: true, owner: "123456789012", keys: testLogKeys });

/** What a log of a million records costs: appending, finding, proving, starting. */
export async function auditMillion(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "lockkeeper-million-"));
  const files = { empty: join(folder, "empty", "lockkeeper.db"), large: join(folder, "large", "lockkeeper.db") };
  try {
    await fill(files.large);
    await verify(files.large);
    const startMs: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const begun = performance.now();
      const store = await open(files.large);
      startMs.push(performance.now() - begun);
      await store.close();
    }
    console.log(`  start-up of the store: ${median(startMs).toFixed(0)} ms (to be under 2,000)`);

    const large = openJournal(await open(files.large), { deadlineMs: 10_000, maxQueue: 2_048 });
    const empty = openJournal(await open(files.empty), { deadlineMs: 10_000, maxQueue: 2_048 });
    await compareAppends(empty, large);
    await ask("search by credential", 10, (n) =>
      large.changes({
        limit: 50,
        now: Date.now(),
        type: "access-key",
        credentialId: extraUser((n % 5_000) + 1).accessKeyId,
      }),
    );
    await ask("an inclusion proof", 5, (n) => large.proven((n * 3_331) % MILLION));
    await Promise.all([large.close(), empty.close()]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function fill(file: string): Promise<void> {
  const store = await open(file);
  const begun = performance.now();
  for (let written = 0; written < MILLION; written += 512) {
    const batch = denials(Math.min(512, MILLION - written));
    const outcomes = await store.commit(batch.map((denial) => ({ kind: "deny", ...denial })));
    if (!outcomes.every(({ ok }) => ok)) throw new Error(`the log could not be filled: ${JSON.stringify(outcomes[0])}`);
  }
  await store.close();
  console.log(`  a log of ${MILLION} records made in ${((performance.now() - begun) / 1000).toFixed(0)} s`);
}

async function verify(file: string): Promise<void> {
  const reader = await openSqliteReader(file);
  const begun = performance.now();
  const { faultCount, checked } = await verifyLog(reader, { trustedKeys: [testKey.verifier], now: Date.now() });
  const perSecond = checked.records / ((performance.now() - begun) / 1000);
  await reader.close();
  if (faultCount > 0) throw new Error(`${faultCount} faults were found in a sound log`);
  console.log(`  verification: ${perSecond.toFixed(0)} records/s (to be at least 100,000)`);
}

/** One caller, turn and turn about: the time until a record is durable. */
async function compareAppends(empty: Journal, large: Journal): Promise<void> {
  const [toEmpty, toLarge]: [number[], number[]] = [[], []];
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const [journal, all] of [
      [empty, toEmpty],
      [large, toLarge],
    ] as const) {
      const { tookMs } = await loop(denials(APPENDS), 1, 60, (denial) => journal.deny(denial));
      if (round > 0) all.push(...tookMs);
    }
  }
  const [a, b] = [median(toEmpty), median(toLarge)];
  console.log(
    `  append p50: empty ${a.toFixed(3)} ms, large ${b.toFixed(3)} ms, ${(b / a).toFixed(2)} x (to be at most 1.3)`,
  );
}

async function ask(what: string, barMs: number, question: (n: number) => Promise<unknown>): Promise<void> {
  const { tookMs } = await loop([...Array(QUESTIONS).keys()], 1, 60, question);
  console.log(
    `  ${what}: p50 ${median(tookMs).toFixed(2)} ms, p99 ${percentile(tookMs, 0.99).toFixed(2)} ms (p50 to be under ${barMs})`,
  );
}
