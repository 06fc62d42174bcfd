import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stopAll } from "../fixture/processes.ts";
import { change, receivedUpdates, recordedSteps, until } from "./gate.ts";
import {
  changeUntilMade,
  DEADLINE_MS,
  expectNothingLost,
  type Keys,
  knock,
  off,
  startService,
  watchLiveness,
} from "./knocking.ts";
import { attach, canTrace, type Tracer } from "./strace.ts";
import { reportSkipped } from "./summary.ts";
import { Tally } from "./tally.ts";

if (!canTrace) reportSkipped("disks that fail or hang", "strace does not work here");

describe.skipIf(!canTrace)("a disk that", () => {
  let folder: string;
  let running: Awaited<ReturnType<typeof startService>>;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "lockkeeper-disk-"));
    running = await startService(join(folder, "data"));
  });
  afterAll(async () => {
    await stopAll();
    running.service.remove();
    rmSync(folder, { recursive: true });
  });

  /** Lets calls of the service fail as long as `act` takes, and lets go of it then, come what may. */
  async function tampered<T>(inject: readonly string[], act: (tracer: Tracer) => Promise<T>): Promise<T> {
    const tracer = await attach(running.gateway.child.pid ?? 0, [
      ...["-e", "trace=openat,pwrite64,ftruncate,fsync,fdatasync"],
      ...inject.flatMap((what) => ["-e", `inject=${what}`]),
    ]);
    return act(tracer).finally(() => tracer.stop());
  }

  /** What every fault that lasts must come to, from the moment on in which it is there. */
  async function expectToBeShut(url: string, keys: Keys, times: number, tally: Tally) {
    const sent = (await receivedUpdates(running.iam.url)).length;
    const liveness = watchLiveness(url);
    const { statuses, slowest } = await knock(url, keys, times, tally);
    const probes = await liveness();
    expect(statuses).toEqual([503]);
    expect(probes.alive).toBeGreaterThan(0);
    expect((await fetch(`${url}/readyz`)).status).toBe(503);
    expect(await receivedUpdates(running.iam.url)).toHaveLength(sent);
    return { slowest, slowestProbe: probes.slowest };
  }

  const lasting = [
    { name: "has no room for what is written (ENOSPC)", what: "pwrite64:error=ENOSPC", times: 10 },
    { name: "takes no write (EIO)", what: "pwrite64:error=EIO", times: 10 },
    { name: "has become read-only (EROFS)", what: "pwrite64,ftruncate:error=EROFS", times: 10 },
    { name: "fails to sync (EIO)", what: "fsync,fdatasync:error=EIO", times: 10 },
    { name: "hangs when it is to sync", what: "fsync,fdatasync:delay_enter=60000000", times: 3 },
    { name: "hangs when it is to write", what: "pwrite64:delay_enter=60000000", times: 3 },
  ];
  it.each(lasting)("$name: 503 in time, nothing sent to IAM, /livez, and then all is well", async (fault) => {
    const { iam, service, gateway } = running;
    const tally = new Tally();
    const untouched = await knock(gateway.url, service.keys, 2, tally);
    expect(untouched.statuses).toEqual([201, 403]);
    const { injected, slowest, slowestProbe } = await tampered([fault.what], async (tracer) => ({
      ...(await expectToBeShut(gateway.url, service.keys, fault.times, tally)),
      injected: tracer.injected(),
    }));
    console.log(
      `a disk that ${fault.name}: ${injected} calls, slowest answer ${slowest.toFixed(0)} ms, slowest probe ${slowestProbe.toFixed(0)} ms`,
    );
    expect(injected).toBeGreaterThan(0);
    expect(slowest).toBeLessThan(3 * DEADLINE_MS);
    expect(slowestProbe).toBeLessThan(DEADLINE_MS);

    await changeUntilMade(gateway.url, service.keys.oncall, tally);
    const row = { fault: `disk ${fault.name}`, runs: injected, control: `untouched: ${untouched.statuses}` };
    await expectNothingLost(row, service, iam.url, tally);
  });

  it("takes a part of a write and then nothing: what it did not take got 503, nothing else is lost", async () => {
    const { iam, service, gateway } = running;
    const pid = gateway.child.pid ?? 0;
    const tally = new Tally();
    const untouched = await knock(gateway.url, service.keys, 2, tally);
    expect(untouched.statuses).toEqual([201, 403]);
    const { short, statuses } = await tampered([], async (tracer) => {
      // Files may not grow beyond this: the write that crosses it is cut short (setrlimit(2)), the next one fails.
      limitFileSize(pid, String(statSync(`${service.database}-wal`).size + 1000));
      const { statuses } = await knock(gateway.url, service.keys, 20, tally).finally(() =>
        limitFileSize(pid, "unlimited"),
      );
      return { statuses, short: tracer.lines().filter(isShortWrite).length };
    });
    expect(short).toBeGreaterThan(0);
    // A log that is verified and opened anew starts at the front of its file again, where there is room for a few more.
    expect(statuses).toContain(503);
    await changeUntilMade(gateway.url, service.keys.oncall, tally);
    const control = `untouched: ${untouched.statuses}; cut short: ${statuses}`;
    await expectNothingLost({ fault: "disk that cuts writes short", runs: short, control }, service, iam.url, tally);
  });

  const passing = ["pwrite64:error=ENOSPC", "pwrite64:error=EIO", "pwrite64:error=EROFS", "fsync,fdatasync:error=EIO"];
  it.each(passing)(
    "fails once (%s) has in its log what was answered, and is not written to before it was verified",
    async (what) => {
      const { iam, service, gateway } = running;
      const tally = new Tally();
      const { statuses, injected, writes } = await tampered([`${what}:when=1`], async (tracer) => {
        const statuses = [];
        for (let turn = 0; turn < 3; turn += 1) {
          statuses.push(tally.take(await change(gateway.url, service.keys.viewer, off))?.status);
        }
        return { statuses, injected: tracer.injected(), writes: writesAfterFault(tracer) };
      });
      expect({ statuses, injected }).toEqual({ statuses: [503, 403, 403], injected: 1 });
      // The connection was thrown away, and the one after it verifies the end of the log before it is used.
      expect(writes).toMatchObject({ beforeReopening: 0, afterReopening: expect.any(Number) });
      expect(writes.afterReopening).toBeGreaterThan(0);
      await expectNothingLost(
        { fault: `one ${what}`, runs: injected, control: `of 3 denials 1 got 503, 2 got 403` },
        service,
        iam.url,
        tally,
      );
    },
  );

  it("fails when an outcome is to be synced: 504 and not 201, and the outcome is in the log a little later", async () => {
    const { iam, service, gateway } = running;
    const tally = new Tally();
    const { answer, injected } = await tampered(["fsync,fdatasync:error=EIO:when=2"], async (tracer) => ({
      answer: tally.take(await change(gateway.url, service.keys.oncall, off)),
      injected: tracer.injected(),
    }));
    expect({ status: answer?.status, injected }).toEqual({ status: 504, injected: 1 });
    const id = String(answer?.json["statusChange"] ?? "");
    await until(() => recordedSteps(service.database).get(id)?.at(1) === "credential.status.outcome");
    const control = "without the fault: 201";
    await expectNothingLost(
      { fault: "sync of an outcome that fails", runs: injected, control },
      service,
      iam.url,
      tally,
    );
  });
});

function limitFileSize(pid: number, bytes: string): void {
  const { status, stderr } = spawnSync("prlimit", ["--pid", String(pid), `--fsize=${bytes}:`], { encoding: "utf8" });
  if (status !== 0) throw new Error(`prlimit: ${stderr}`);
}

function isShortWrite(line: string): boolean {
  const [, wanted, written] = /pwrite64\(.*, (\d+), \d+\) = (\d+)$/.exec(line) ?? [];
  return wanted !== undefined && Number(written) < Number(wanted);
}

/** Writes to the write-ahead log behind the one that failed: before the database was opened anew, and after. */
function writesAfterFault(tracer: Tracer): { readonly beforeReopening: number; readonly afterReopening: number } {
  const lines = tracer.lines();
  const after = lines.slice(lines.findIndex((line) => line.includes("(INJECTED)")) + 1);
  const reopened = after.findIndex((line) => /openat\(.* = \d+<[^>]*\/lockkeeper\.db>$/.test(line));
  const isWrite = (line: string) => /pwrite64\(\d+<[^>]*-wal>/.test(line);
  return {
    beforeReopening: after.slice(0, reopened === -1 ? after.length : reopened).filter(isWrite).length,
    afterReopening: reopened === -1 ? 0 : after.slice(reopened).filter(isWrite).length,
  };
}
