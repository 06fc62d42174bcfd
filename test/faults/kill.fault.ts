import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, it } from "vitest";
import { startProgram, stopAll } from "../fixture/processes.ts";
import { prepareService } from "../fixture/service.ts";
import { change, killed, loadCredential, main, writtenUpdates } from "./gate.ts";
import { report } from "./summary.ts";
import { expectAllToBeFree, Tally } from "./tally.ts";

const KILLS = Number(process.env["LOCKKEEPER_KILLS"] ?? 130);
const CONTROL_KILLS = Math.ceil(KILLS / 20);
const CALLERS = 64;
const double = fileURLToPath(new URL("./programs/late-commit.ts", import.meta.url));

afterAll(stopAll);

/** Kills a gateway under load as often as asked, and holds what its callers were told against its log. */
async function killUnderLoad(kills: number, flags: readonly string[] = []) {
  const folder = mkdtempSync(join(tmpdir(), "lockkeeper-kill-"));
  const journalFile = join(folder, "iam.jsonl");
  // IAM lives on while the gateway dies.
  const iam = await startProgram([main, "sandbox-iam", "--extra-users", String(CALLERS), "--journal", journalFile]);
  const service = await prepareService({
    main,
    flags,
    iamUrl: iam.url,
    roles: { oncall: "oncall" },
    settings: {
      iam: { account: "123456789012", endpoint: iam.url, stsEndpoint: iam.url, deadlineMs: 1000 },
      reconcile: { intervalMs: 200, graceMs: 0, giveUpMs: 60_000 },
      limits: { changes: { perMinute: 10_000_000 } },
    },
  });

  let up = Promise.withResolvers<string>();
  let over = false;
  const tally = new Tally();
  const callers = Array.from({ length: CALLERS }, async (_, index) => {
    const credential = loadCredential(index + 1);
    for (let turn = 0; !over; turn += 1) {
      const status = turn % 2 === 0 ? "Inactive" : "Active";
      const url = await up.promise;
      tally.take(await change(url, service.keys.oncall, { credential, status, ticket: "SEC-1" }));
    }
  });

  for (let kill = 0; kill < kills; kill += 1) {
    const gateway = await service.start();
    up.resolve(gateway.url);
    // At another moment each time; every fourth right after the start, the others not before a change was acknowledged.
    const before = tally.acknowledged;
    let waits = 0;
    do {
      waits += 1;
      expect(waits, `no change was acknowledged; answers ${JSON.stringify(tally.answers)}`).toBeLessThan(1000);
      await new Promise((resolve) => setTimeout(resolve, 10 + ((kill * 37) % 300)));
    } while (kill % 4 !== 0 && tally.acknowledged === before);
    // Those who have been asking meet a dead gateway, the others wait for the next one.
    up = Promise.withResolvers();
    await killed(gateway.child);
    const { fault } = kill % 10 === 9 ? await tally.judge(service, [], 200) : {};
    expect(fault).toBeUndefined();
  }
  const { child, url } = await service.start();
  over = true;
  up.resolve(url);
  await Promise.all(callers);

  // Whatever the last kill left open is settled by reading back; then every credential takes a change, in either direction.
  await expectAllToBeFree(url, service.keys.oncall, CALLERS, tally);
  const updates = writtenUpdates(journalFile);
  const judgement = await tally.judge(service, updates);
  console.log(
    `${kills} kills: ${judgement.acknowledged} acknowledged, ${judgement.lost.length} lost; ${updates.length} updates, ${judgement.unexplained.length} unexplained; answers ${JSON.stringify(tally.answers)}`,
  );
  await killed(child);
  service.remove();
  rmSync(folder, { recursive: true });
  return judgement;
}

it(`kill -9 of the gateway, ${KILLS} times under ${CALLERS} callers, loses nothing and blocks nothing`, async () => {
  const { acknowledged, lost, unexplained, open, fault } = await killUnderLoad(KILLS);
  const control = await killUnderLoad(CONTROL_KILLS, ["--import", double]);
  report({
    fault: `kill -9 under ${CALLERS} callers`,
    runs: KILLS,
    acknowledged,
    lost: lost.length,
    unexplained: unexplained.length,
    control: `committing late lost ${control.lost.length} in ${CONTROL_KILLS} kills, ${control.unexplained.length} unexplained`,
  });
  expect(acknowledged).toBeGreaterThan(KILLS);
  expect({ lost, unexplained, open, fault }).toEqual({ lost: [], unexplained: [], open: [], fault: undefined });
  expect(control.lost.length).toBeGreaterThan(0);
  expect(control.fault).toMatch(/^outside-differs: /);
});
