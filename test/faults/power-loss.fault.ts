import { describe, expect, it } from "vitest";
import { type PowerCuts, powerCuts } from "./disk/power-cuts.ts";
import { canTrace } from "./strace.ts";
import { report, reportSkipped } from "./summary.ts";

const CUTS = Number(process.env["LOCKKEEPER_POWER_CUTS"] ?? 200);
const CONTROL_CUTS = Math.ceil(CUTS / 3);
const options = { records: 1500, callers: 16 };

if (!canTrace) reportSkipped("power cut, also after failed syncs", "strace does not work here");

function say(what: string, { acknowledged, cuts, held, lost, losing, worst, faults }: PowerCuts): void {
  console.log(
    `${what}: ${acknowledged} records acknowledged; ${cuts} power cuts with ${held} acknowledged before them, ${lost} lost in ${losing} of the cuts, at most ${worst} in one; ${faults.length} logs at fault`,
  );
}

describe.skipIf(!canTrace)("a power cut, whatever part of what was never synced is on the disk", () => {
  it(`loses nothing that was acknowledged, in ${CUTS} moments`, async () => {
    const seen = await powerCuts({ ...options, cuts: CUTS, seed: 1 });
    say("synchronous=FULL", seen);
    const control = await powerCuts({ ...options, cuts: CONTROL_CUTS, seed: 2, double: "normal-sync.ts" });
    say("synchronous=NORMAL", control);
    report({
      fault: "power cut",
      runs: seen.cuts,
      acknowledged: seen.held,
      lost: seen.lost,
      unexplained: seen.unexplained,
      control: `synchronous=NORMAL lost ${control.lost}, in ${control.losing} of ${control.cuts} cuts`,
    });
    expect(seen).toMatchObject({ lost: 0, unexplained: 0, faults: [] });
    expect(seen.acknowledged).toBeGreaterThanOrEqual(options.records);
    expect(control.losing).toBeGreaterThan(CONTROL_CUTS / 4);
  });

  it(`loses nothing that was acknowledged after syncs had failed, in ${CUTS} moments`, async () => {
    // Now and then: also some of those by which the log gets over the one before.
    const failing = (how: string) => ["-e", `inject=fsync,fdatasync:${how}:when=20+17`];
    const seen = await powerCuts({ ...options, cuts: CUTS, seed: 3, inject: failing("error=EIO") });
    say(`${seen.failedSyncs} failed syncs`, seen);
    const control = await powerCuts({ ...options, cuts: CONTROL_CUTS, seed: 4, inject: failing("retval=0") });
    say(`${control.failedSyncs} failed syncs that nobody heeds`, control);
    report({
      fault: `power cut after ${seen.failedSyncs} failed syncs`,
      runs: seen.cuts,
      acknowledged: seen.held,
      lost: seen.lost,
      unexplained: seen.unexplained,
      control: `heeding none of ${control.failedSyncs} lost ${control.lost}, in ${control.losing} of ${control.cuts} cuts`,
    });
    expect(seen.failedSyncs).toBeGreaterThan(3);
    expect(seen).toMatchObject({ lost: 0, unexplained: 0, faults: [] });
    expect(control.losing).toBeGreaterThan(0);
  });
});
