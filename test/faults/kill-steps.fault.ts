import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startProgram, stopAll } from "../fixture/processes.ts";
import { prepareService, type Service } from "../fixture/service.ts";
import { change, injectIntoIam, killed, loadCredential, main, recordedSteps, until, writtenUpdates } from "./gate.ts";
import { killAtEach, moments, stepsOf } from "./steps.ts";
import { canTrace } from "./strace.ts";
import { report, reportSkipped } from "./summary.ts";
import { expectAllToBeFree, Tally } from "./tally.ts";

/** More than changes are asked for, so that none finds its credential as wanted already. */
const USERS = 200;
/** What a change makes the process do that the world sees: its thread, by the calls that only this one makes. */
const CALLS = ["pwrite64", "fsync", "fdatasync", "write", "writev", "connect"];

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
    const steps = await stepsOf(measured.child, CALLS, () => ask(measured.url));
    await killed(measured.child);
    const missed = await killAtEach(steps, start, ({ url }) => ask(url));
    kills += steps.length;
    console.log(`${steps.length} kills at the calls of a change, ${missed} of them after its end`);
    expect(missed).toBeLessThan(steps.length / 4);
  });

  it.each(moments)("$name loses nothing, and what became of the change is read back", async ({ fault, applied }) => {
    for (let turn = 0; turn < 2; turn += 1) {
      const gateway = await start();
      // What earlier kills have left is being read back, and a fault is for the next call, whoever makes it.
      await until(() => ![...recordedSteps(service.database).values()].some(isOpen));
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
      control: "see kill -9 under callers, and of a writer",
    });
    expect({ lost, unexplained, open, fault }).toEqual({ lost: [], unexplained: [], open: [], fault: undefined });
  });
});

/** Whether nothing is on record of a change but that it was begun. */
function isOpen([first, ...others]: readonly string[]): boolean {
  return first === "credential.status.intent" && others.length === 0;
}
