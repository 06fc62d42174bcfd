import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { stopAll } from "../fixture/processes.ts";
import { change, receivedUpdates } from "./gate.ts";
import {
  changeUntilMade,
  DEADLINE_MS,
  expectNothingLost,
  knock,
  off,
  startService,
  watchLiveness,
} from "./knocking.ts";
import { reportSkipped } from "./summary.ts";
import { Tally } from "./tally.ts";

describe("a full disk", () => {
  const folder = mkdtempSync(join(tmpdir(), "lockkeeper-full-"));
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", folder]).status === 0;
  if (!mounted) reportSkipped("full disk", "a tmpfs cannot be mounted here (needs root)");
  afterAll(async () => {
    await stopAll();
    if (mounted) spawnSync("umount", [folder]);
    rmSync(folder, { recursive: true, force: true });
  });

  it.skipIf(!mounted)(
    "answers 503, asks IAM nothing, keeps /livez, and recovers when there is room again",
    async () => {
      const { iam, service, gateway } = await startService(folder);
      const tally = new Tally();
      const untouched = await knock(gateway.url, service.keys, 2, tally);
      expect(untouched.statuses).toEqual([201, 403]);
      const filling = join(folder, "filling");
      writeFileSync(filling, Buffer.alloc(statfsSync(folder).bavail * statfsSync(folder).bsize - 4096));
      // The first few may still fit.
      let last = tally.take(await change(gateway.url, service.keys.viewer, off));
      for (let tries = 0; last?.status === 403 && tries < 500; tries += 1)
        last = tally.take(await change(gateway.url, service.keys.viewer, off));
      const sent = (await receivedUpdates(iam.url)).length;
      const liveness = watchLiveness(gateway.url);
      const { statuses, slowest } = await knock(gateway.url, service.keys, 20, tally);
      const { alive } = await liveness();
      expect(statuses).toEqual([503]);
      expect(slowest).toBeLessThan(2 * DEADLINE_MS);
      expect(alive).toBeGreaterThan(0);
      expect(await receivedUpdates(iam.url)).toHaveLength(sent);
      expect((await fetch(`${gateway.url}/readyz`)).status).toBe(503);

      rmSync(filling);
      await changeUntilMade(gateway.url, service.keys.oncall, tally);
      const control = `with room: ${untouched.statuses}`;
      await expectNothingLost({ fault: "full disk (tmpfs)", runs: 1, control }, service, iam.url, tally);
      service.remove();
    },
  );
});
