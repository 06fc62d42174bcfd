import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { startProgram, stopAll } from "../fixture/processes.ts";
import { prepareService } from "../fixture/service.ts";
import { change, main, receivedUpdates, recordedSteps } from "./gate.ts";

const DEADLINE_MS = 1000;
const off = {
  credential: { type: "signing-certificate", id: "TA7SMP42TDN5Z26OBPJE7EXAMPLE", userName: "Bob" },
  status: "Inactive",
};

afterEach(stopAll);

async function startService(dataDir: string) {
  const iam = await startProgram([main, "sandbox-iam"]);
  const service = await prepareService({
    main,
    iamUrl: iam.url,
    roles: { oncall: "oncall", viewer: "viewer" },
    dataDir,
    settings: { audit: { deadlineMs: DEADLINE_MS } },
  });
  const gateway = await service.start();
  return { iam, service, gateway };
}

/** Counts the answers of /livez while something else is going on. */
function watchLiveness(url: string) {
  let [alive, slowest, over] = [0, 0, false];
  const watching = (async () => {
    while (!over) {
      const start = performance.now();
      const reply = await fetch(`${url}/livez`);
      if (reply.status === 200) alive += 1;
      slowest = Math.max(slowest, performance.now() - start);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  return async () => {
    over = true;
    await watching;
    return { alive, slowest };
  };
}

/** Sends changes and denials for a while; how each ended, and the longest wait. */
async function knock(url: string, keys: { oncall: string; viewer: string }, times: number) {
  const statuses = new Set<number | undefined>();
  let slowest = 0;
  for (let turn = 0; turn < times; turn += 1) {
    for (const key of [keys.oncall, keys.viewer]) {
      const start = performance.now();
      statuses.add((await change(url, key, off))?.status);
      slowest = Math.max(slowest, performance.now() - start);
    }
  }
  return { statuses: [...statuses], slowest };
}

describe("a full disk", () => {
  const folder = mkdtempSync(join(tmpdir(), "lockkeeper-full-"));
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", folder]).status === 0;
  if (!mounted)
    console.warn("SKIPPED, LOUDLY: a tmpfs cannot be mounted here (needs root), so no full disk was tried.");

  it.skipIf(!mounted)(
    "answers 503, asks IAM nothing, keeps /livez, and recovers when there is room again",
    async () => {
      try {
        const { iam, service, gateway } = await startService(folder);
        const filling = join(folder, "filling");
        writeFileSync(filling, Buffer.alloc(statfsSync(folder).bavail * statfsSync(folder).bsize - 4096));
        const liveness = watchLiveness(gateway.url);
        // The first few may still fit.
        let last = await change(gateway.url, service.keys.viewer, off);
        for (let tries = 0; last?.status === 403 && tries < 500; tries += 1)
          last = await change(gateway.url, service.keys.viewer, off);
        const { statuses, slowest } = await knock(gateway.url, service.keys, 20);
        const { alive } = await liveness();
        expect(statuses).toEqual([503]);
        expect(slowest).toBeLessThan(2 * DEADLINE_MS);
        expect(alive).toBeGreaterThan(0);
        expect(await receivedUpdates(iam.url)).toEqual([]);
        expect((await fetch(`${gateway.url}/readyz`)).status).toBe(503);

        rmSync(filling);
        await changeUntilMade(gateway.url, service.keys.oncall);
        service.remove();
      } finally {
        await stopAll();
        spawnSync("umount", [folder]);
        rmSync(folder, { recursive: true, force: true });
      }
    },
  );
});

const canTrace = spawnSync("strace", ["-qq", "-e", "trace=none", "true"]).status === 0;
if (!canTrace) console.warn("SKIPPED, LOUDLY: strace does not work here, so no disk was hung or made to fail.");

/** Asks for a change until it is made. */
async function changeUntilMade(url: string, key: string) {
  let answer = await change(url, key, off);
  for (let tries = 0; answer?.status !== 201 && tries < 100; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    answer = await change(url, key, off);
  }
  expect(answer?.status).toBe(201);
  return answer;
}

/** What the log says of changes that were begun: each has exactly one end. */
function expectEveryIntentToHaveEnded(database: string) {
  for (const codes of recordedSteps(database).values()) {
    if (codes[0] === "credential.status.intent") expect(codes).toEqual([codes[0], "credential.status.outcome"]);
  }
}

describe("a disk that fails to sync", () => {
  it.skipIf(!canTrace)(
    "answers 503 though what it has not synced can be read back, asks IAM nothing, keeps /livez, and recovers",
    async () => {
      const folder = mkdtempSync(join(tmpdir(), "lockkeeper-eio-"));
      const { iam, service, gateway } = await startService(join(folder, "data"));
      const tracer = await injectIntoSyncs(gateway.child.pid ?? 0, "error=EIO");
      const liveness = watchLiveness(gateway.url);
      const { statuses } = await knock(gateway.url, service.keys, 10);
      const { alive } = await liveness();
      expect(statuses).toEqual([503]);
      expect(alive).toBeGreaterThan(0);
      expect((await fetch(`${gateway.url}/readyz`)).status).toBe(503);
      expect(await receivedUpdates(iam.url)).toEqual([]);

      tracer.kill("SIGKILL");
      const made = await changeUntilMade(gateway.url, service.keys.oncall);
      expect(await receivedUpdates(iam.url)).toMatchObject([{ changeId: made?.json["id"] }]);
      expectEveryIntentToHaveEnded(service.database);
      service.remove();
      rmSync(folder, { recursive: true });
    },
  );

  it.skipIf(!canTrace)("once only, has in its log what was answered, and works on", async () => {
    const folder = mkdtempSync(join(tmpdir(), "lockkeeper-eio-once-"));
    const { service, gateway } = await startService(join(folder, "data"));
    const tracer = await injectIntoSyncs(gateway.child.pid ?? 0, "error=EIO:when=1");
    const answers = [];
    for (let turn = 0; turn < 3; turn += 1) answers.push(await change(gateway.url, service.keys.viewer, off));
    tracer.kill("SIGKILL");
    expect(answers.map((answer) => answer?.status)).toEqual([503, 403, 403]);
    const denied = [...recordedSteps(service.database)].filter(([, [code]]) => code === "credential.status.denied");
    expect(denied.map(([id]) => id)).toEqual(answers.slice(1).map((answer) => answer?.json["statusChange"]));
    service.remove();
    rmSync(folder, { recursive: true });
  });
});

describe("a hung disk", () => {
  it.skipIf(!canTrace)(
    "answers 503 within the deadline, asks IAM nothing, keeps /livez, and closes what was late",
    async () => {
      const folder = mkdtempSync(join(tmpdir(), "lockkeeper-hung-"));
      const { iam, service, gateway } = await startService(join(folder, "data"));
      // Every sync takes a minute.
      const tracer = await injectIntoSyncs(gateway.child.pid ?? 0, "delay_enter=60000000");
      const liveness = watchLiveness(gateway.url);
      const { statuses, slowest } = await knock(gateway.url, service.keys, 3);
      const { alive, slowest: slowestProbe } = await liveness();
      console.log(
        `hung disk: slowest answer ${slowest.toFixed(0)} ms, ${alive} probes, slowest ${slowestProbe.toFixed(0)} ms`,
      );
      expect(statuses).toEqual([503]);
      expect(slowest).toBeLessThan(3 * DEADLINE_MS);
      expect(alive).toBeGreaterThan(20);
      expect(slowestProbe).toBeLessThan(DEADLINE_MS);
      expect(await receivedUpdates(iam.url)).toEqual([]);

      // The disk comes back: what turned up late is closed as not sent, and nothing is blocked.
      tracer.kill("SIGKILL");
      const made = await changeUntilMade(gateway.url, service.keys.oncall);
      expect(await receivedUpdates(iam.url)).toMatchObject([{ changeId: made?.json["id"] }]);
      expectEveryIntentToHaveEnded(service.database);
      service.remove();
      rmSync(folder, { recursive: true });
    },
  );
});

/** Lets a running process's syncs come out as strace's `-e inject` says. */
async function injectIntoSyncs(pid: number, fault: string): Promise<ChildProcess> {
  const tracer = spawn(
    "strace",
    ["-f", "-p", String(pid), "-e", "trace=fsync,fdatasync", "-e", `inject=fsync,fdatasync:${fault}`],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  await new Promise<void>((resolve, reject) => {
    let said = "";
    tracer.stderr?.on("data", (chunk) => {
      said += chunk;
      // It attaches to one thread after the other; the last of them is the one that was started last.
      if (said.includes("attached")) setTimeout(resolve, 500);
    });
    tracer.once("exit", () => reject(new Error(`strace ended: ${said}`)));
  });
  return tracer;
}
