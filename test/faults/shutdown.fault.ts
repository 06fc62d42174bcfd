import { once } from "node:events";
import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import { startProgram, stopAll } from "../fixture/processes.ts";
import { prepareService } from "../fixture/service.ts";
import { change, main } from "./gate.ts";
import { attach, canTrace } from "./strace.ts";
import { reportSkipped } from "./summary.ts";

afterEach(stopAll);

const off = {
  credential: { type: "signing-certificate", id: "TA7SMP42TDN5Z26OBPJE7EXAMPLE", userName: "Bob" },
  status: "Inactive",
};

describe("a gateway that is told to stop while its disk hangs", () => {
  if (!canTrace) reportSkipped("told to stop while the disk hangs", "strace does not work here");

  it.skipIf(!canTrace)("ends all the same, when its patience is over", async () => {
    const iam = await startProgram([main, "sandbox-iam"]);
    const service = await prepareService({
      main,
      iamUrl: iam.url,
      roles: { oncall: "oncall" },
      settings: {
        iam: {
          account: "123456789012",
          endpoint: iam.url,
          stsEndpoint: iam.url,
          deadlineMs: 500,
        },
        audit: { deadlineMs: 500 },
        shutdown: { graceMs: 1_000 },
      },
    });
    const { child, url } = await service.start();
    const ended = once(child, "exit");
    // Syncs hang for a minute, far longer than this test waits.
    const hang = "inject=fsync,fdatasync:delay_enter=60000000";
    const tracer = await attach(child.pid ?? 0, ["-e", "trace=fsync,fdatasync", "-e", hang]);
    expect((await change(url, service.keys.oncall, off))?.status).toBe(503);
    const start = performance.now();
    child.kill("SIGTERM");
    // strace keeps what it holds of a dead process, so that its end is not told before strace's own.
    await expect.poll(() => stateOf(child.pid ?? 0), { timeout: 60_000 }).toBe("Z");
    const seconds = (performance.now() - start) / 1_000;
    console.log(`hung disk: ended ${seconds.toFixed(1)} s after SIGTERM`);
    expect(seconds).toBeLessThan(30);
    await tracer.stop();
    expect(await ended).toEqual([null, "SIGKILL"]);
    service.remove();
  });
});

/** `Z` for a process that has ended and is not yet taken leave of. */
function stateOf(pid: number): string {
  return /^State:\s+(\S)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "";
}
