import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildPolicies } from "../../scripts/build-policies.mjs";
import { openSqliteReader } from "../../src/audit/sqlite/reader.ts";
import { openSqliteStore } from "../../src/audit/sqlite/store.ts";
import { openJournal } from "../../src/audit/store-journal.ts";
import { type Bundle, loadBundle } from "../../src/policy/bundle.ts";
import { loadData } from "../../src/policy/data.ts";
import { PolicyDecisionPoint } from "../../src/policy/pdp.ts";
import type { Replay } from "../../src/policy/replay/replay.ts";
import { replayLog } from "../../src/policy/replay/replay-log.ts";
import { candidate, flipsAtNight, nightNeedsTicket } from "../fixture/candidates.ts";
import { decideOnRecord, mixedRequest } from "../fixture/history.ts";
import { testLogKeys } from "../fixture/log-keys.ts";
import { loop } from "./callers.ts";
import { median, spread, verdict } from "./statistics.ts";

const REQUESTS = 110_000;
const ROUNDS = 5;
/** Decisions per second. */
const AT_LEAST = 20_000;
const data = loadData("src/sandbox/site.json");

/** A log of 100,000 mixed decisions through a policy by which on-call needs a ticket before six. */
export async function policyReplay(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "lockkeeper-replay-"));
  const file = join(folder, "lockkeeper.db");
  try {
    await fill(file);
    const perSecond: number[] = [];
    const night = loadBundle(candidate(folder, nightNeedsTicket));
    for (let round = 0; round < ROUNDS; round += 1) {
      const begun = performance.now();
      const { judged, ...found } = await judgedAgain(file, night);
      perSecond.push(judged / ((performance.now() - begun) / 1000));
      if (round > 0) continue;
      const flips = await requestsOf(file, found);
      const expected = [...Array(REQUESTS).keys()].filter((number) => flipsAtNight(mixedRequest(number)));
      const exact = flips.join() === expected.map((number) => `request-${number}`).join();
      console.log(
        `  ${judged} decisions, ${flips.length} flips: ${exact ? "exactly those expected" : "NOT THOSE EXPECTED"}`,
      );
      if (!exact) throw new Error(`${expected.length} flips were expected`);
    }
    const { flips } = await judgedAgain(file, loadBundle(buildPolicies().bundle));
    if (flips["allow-to-deny"] + flips["deny-to-allow"] > 0) throw new Error("the same policies flip decisions");
    const holds = median(perSecond) >= AT_LEAST;
    console.log(`  replay: ${spread(perSecond)} decisions/s (to be at least 20,000) ${verdict(holds)}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function fill(file: string): Promise<void> {
  const pdp = new PolicyDecisionPoint();
  pdp.activate(loadBundle(buildPolicies().bundle), data);
  const store = await openSqliteStore(file, { exclusive: true, owner: "123456789012", keys: testLogKeys });
  const journal = openJournal(store, { deadlineMs: 10_000, maxQueue: 2_048 });
  const requests = [...Array(REQUESTS).keys()].map(mixedRequest);
  const { perSecond } = await loop(requests, 512, 600, (asked) => decideOnRecord(journal, pdp, asked));
  await journal.close();
  console.log(`  a log of ${REQUESTS} requests made, ${perSecond.toFixed(0)} a second`);
}

async function judgedAgain(file: string, bundle: Bundle): Promise<Replay> {
  const reader = openSqliteReader(file);
  try {
    return await replayLog(reader, { bundle, data });
  } finally {
    await reader.close();
  }
}

/** Which requests the flips were about, in their order. */
async function requestsOf(file: string, { groups }: Pick<Replay, "groups">): Promise<readonly string[]> {
  const wanted = new Set(groups.flatMap(({ records }) => records));
  const requests: string[] = [];
  const reader = openSqliteReader(file);
  for await (const entries of reader.records(0, await reader.size())) {
    for (const { index, body } of entries) {
      if (wanted.has(index)) requests.push(JSON.parse(String(body)).unmapped.input.context.requestId);
    }
  }
  await reader.close();
  return requests.sort((one, other) => number(one) - number(other));
}

function number(requestId: string): number {
  return Number(requestId.slice("request-".length));
}
