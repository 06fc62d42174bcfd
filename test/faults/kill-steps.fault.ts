import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openSqliteReader } from "../../src/audit/sqlite/reader.ts";
import type { Fault } from "../../src/sandbox/iam/faults.ts";
import { dataFolder } from "../fixture/data-folder.ts";
import { testLogKeys } from "../fixture/log-keys.ts";
import { startProgram, stopAll } from "../fixture/processes.ts";
import { prepareService, type Service } from "../fixture/service.ts";
import { acknowledgedIn } from "./acknowledged.ts";
import {
  change,
  injectIntoIam,
  killed,
  loadCredential,
  main,
  recordedSteps,
  recordUids,
  until,
  verifiedLog,
  writtenUpdates,
} from "./gate.ts";
import { attach, canTrace, spawnTraced } from "./strace.ts";
import { report, reportSkipped } from "./summary.ts";
import { expectAllToBeFree, Tally } from "./tally.ts";

const USERS = 100;
/** What a change makes the process do that the world sees: its thread, by the calls that only this one makes. */
const CALLS = ["pwrite64", "fsync", "fdatasync", "write", "writev", "connect"];
/** Of calls that come many at a time, as the pages of a transaction do, one in so many. */
const STRIDE = 2;

if (!canTrace) reportSkipped("kill -9 at each step of a change", "strace does not work here");

describe.skipIf(!canTrace)("kill -9 of the gateway", () => {
  let folder: string;
  let iam: Awaited<ReturnType<typeof startProgram>>;
  let service: Service<"oncall">;
  const tally = new Tally();
  const journalFile = () => join(folder, "iam.jsonl");
  let [user, kills] = [0, 0];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "lockkeeper-steps-"));
    iam = await startProgram([main, "sandbox-iam", "--extra-users", String(USERS), "--journal", journalFile()]);
    service = await prepareService({
      main,
      iamUrl: iam.url,
      roles: { oncall: "oncall" },
      settings: {
        iam: { account: "123456789012", endpoint: iam.url, stsEndpoint: iam.url, deadlineMs: 1000 },
        reconcile: { intervalMs: 200, graceMs: 0, giveUpMs: 60_000 },
        limits: { changes: { perMinute: 100_000 } },
      },
    });
  });
  afterAll(async () => {
    await stopAll();
    service.remove();
    rmSync(folder, { recursive: true });
  });

  const nextCredential = () => {
    user = (user % USERS) + 1;
    return loadCredential(user);
  };
  const ask = async (url: string) => {
    const body = { credential: nextCredential(), status: "Inactive", ticket: "SEC-1" };
    return tally.take(await change(url, service.keys.oncall, body));
  };
  /** A gateway whose log was looked at, and that has made a change. */
  const start = async () => {
    const { fault, lost } = await tally.judge(service, []);
    expect({ fault, lost }).toEqual({ fault: undefined, lost: [] });
    const gateway = await service.start();
    expect((await ask(gateway.url))?.status).toBe(201);
    return gateway;
  };

  it("at each system call of a change loses nothing", async () => {
    const measured = await start();
    const seen = await attach(measured.child.pid ?? 0, ["-e", `trace=${CALLS.join(",")}`]);
    await ask(measured.url);
    const lines = seen.lines();
    await seen.stop();
    await killed(measured.child);
    const steps = CALLS.flatMap((call) => {
      const most = mostOfAThread(lines, call);
      const stride = most > 6 ? STRIDE : 1;
      return Array.from({ length: Math.ceil(most / stride) }, (_, at) => ({ call, when: 1 + at * stride }));
    });
    let missed = 0;
    for (const { call, when } of steps) {
      const gateway = await start();
      const ended = once(gateway.child, "exit").then(() => "killed" as const);
      const options = ["-e", `trace=${call}`, "-e", `inject=${call}:signal=SIGKILL:when=${when}`];
      const tracer = await attach(gateway.child.pid ?? 0, options);
      const answered = ask(gateway.url).then(
        () => new Promise<"alive">((resolve) => setTimeout(resolve, 300, "alive")),
      );
      // Not every change makes as many calls as the one that was measured.
      if ((await Promise.race([ended, answered])) === "alive") {
        missed += 1;
        gateway.child.kill("SIGKILL");
      }
      await ended;
      await tracer.stop();
      kills += 1;
    }
    console.log(`${steps.length} kills at the calls of a change, ${missed} of them after its end`);
    expect(missed).toBeLessThan(steps.length / 4);
  });

  const moments: readonly { readonly name: string; readonly fault: Fault; readonly applied: boolean }[] = [
    // The look at the previous status comes between the intent and the update.
    { name: "between intent and send", fault: { kind: "latency", action: "ListAccessKeys", ms: 600 }, applied: false },
    { name: "before the effect", fault: { kind: "hang", action: "UpdateAccessKey" }, applied: false },
    { name: "between effect and outcome", fault: { kind: "lost", action: "UpdateAccessKey" }, applied: true },
  ];
  it.each(moments)("$name loses nothing, and what became of the change is read back", async ({ fault, applied }) => {
    for (let turn = 0; turn < 4; turn += 1) {
      const gateway = await start();
      await injectIntoIam(iam.url, fault);
      const before = new Set(recordedSteps(service.database).keys());
      const sent = writtenUpdates(journalFile()).length;
      const answer = ask(gateway.url);
      let id = "";
      await until(() => {
        const intents = [...recordedSteps(service.database)].filter(
          ([, [code]]) => code === "credential.status.intent",
        );
        id = intents.find(([change]) => !before.has(change))?.[0] ?? "";
        return id !== "" && (fault.kind === "latency" || writtenUpdates(journalFile()).length > sent);
      });
      await killed(gateway.child);
      await answer;
      kills += 1;
      const again = await start();
      await until(() => recordedSteps(service.database).get(id)?.at(1) === "credential.status.reconciled");
      const resource = await fetch(`${again.url}/v1/status-changes/${id}`, {
        headers: { authorization: `Bearer ${service.keys.oncall}` },
      });
      expect(await resource.json()).toMatchObject({ readBack: { result: applied ? "as-wanted" : "not-as-wanted" } });
      await killed(again.child);
      kills += 1;
    }
  });

  it("blocks nothing, and leaves no update without its intent", async () => {
    const gateway = await service.start();
    await expectAllToBeFree(gateway.url, service.keys.oncall, USERS, tally);
    const updates = writtenUpdates(journalFile());
    const { acknowledged, lost, unexplained, open, fault } = await tally.judge(service, updates);
    console.log(`${kills} kills: ${acknowledged} acknowledged, ${lost.length} lost; ${unexplained.length} unexplained`);
    report({
      fault: "kill -9 at each step of a change",
      runs: kills,
      acknowledged,
      lost: lost.length,
      unexplained: unexplained.length,
      control: "see kill -9 of a writer",
    });
    expect({ lost, unexplained, open, fault }).toEqual({ lost: [], unexplained: [], open: [], fault: undefined });
  });
});

describe.skipIf(!canTrace)("kill -9 of a writer that tells what is durable", () => {
  /** @returns how much of what it had acknowledged is not in its log */
  async function killedAt(call: string, when: number, flags: readonly string[]) {
    const folder = dataFolder();
    const program = fileURLToPath(new URL("./programs/log-writer.ts", import.meta.url));
    const options = ["-f", "-qq", "-o", "/dev/null", "-e", `inject=${call}:signal=SIGKILL:when=${when}`];
    const child = spawnTraced(options, [program, folder.database, "1000", "8", ...flags], "pipe");
    let output = "";
    child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
      output += chunk;
    });
    await once(child, "close");
    const acknowledged = acknowledgedIn(output);
    const uids = recordUids(folder.database);
    const receipts = acknowledged.flatMap(({ proof }) => proof ?? []);
    const fault = await verifiedLog(openSqliteReader(folder.database), testLogKeys.trustedKeys, receipts);
    folder.remove();
    return { acknowledged: acknowledged.length, lost: acknowledged.filter(({ uid }) => !uids.has(uid)).length, fault };
  }

  const steps = Array.from({ length: 12 }, (_, at) => [
    { call: "fsync", when: 8 + 3 * at },
    { call: "pwrite64", when: 150 + 77 * at },
  ]).flat();

  it("loses none of it; one that tells before its commit is caught losing", async () => {
    const [seen, early] = [
      { acknowledged: 0, lost: 0 },
      { acknowledged: 0, lost: 0 },
    ];
    for (const { call, when } of steps) {
      const { acknowledged, lost, fault } = await killedAt(call, when, []);
      expect(fault).toBeUndefined();
      seen.acknowledged += acknowledged;
      seen.lost += lost;
    }
    for (const { call, when } of steps.slice(0, 8)) {
      const { acknowledged, lost } = await killedAt(call, when, ["--early"]);
      early.acknowledged += acknowledged;
      early.lost += lost;
    }
    console.log(
      `${steps.length} kills of a writer: ${seen.acknowledged} acknowledged, ${seen.lost} lost; of one that acknowledges before its commit: ${early.acknowledged}, ${early.lost} lost`,
    );
    report({
      fault: "kill -9 of a writer",
      runs: steps.length,
      acknowledged: seen.acknowledged,
      lost: seen.lost,
      unexplained: 0,
      control: `acknowledging before the commit lost ${early.lost} of ${early.acknowledged}, in 8 kills`,
    });
    expect(seen.acknowledged).toBeGreaterThan(100);
    expect(seen.lost).toBe(0);
    expect(early.lost).toBeGreaterThan(0);
  });
});

/** How many calls of a name the thread made that made most of them. */
function mostOfAThread(lines: readonly string[], call: string): number {
  const counts = new Map<string, number>();
  for (const line of lines) {
    const [, thread = "", name] = /^\[pid +(\d+)\] (\w+)\(/.exec(line) ?? [];
    if (name === call) counts.set(thread, (counts.get(thread) ?? 0) + 1);
  }
  return Math.max(0, ...counts.values());
}
