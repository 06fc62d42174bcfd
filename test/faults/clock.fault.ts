import { afterAll, beforeAll, expect, it } from "vitest";
import { type Clock, systemClock } from "../../src/clock.ts";
import { sandboxConfig } from "../../src/config.ts";
import { startGateway } from "../../src/gateway.ts";
import { createLog } from "../../src/log.ts";
import { configuredKeys } from "../../src/open-log.ts";
import { sandboxCredentials } from "../../src/sandbox/iam/seed.ts";
import { type SandboxIam, startSandboxIam } from "../../src/sandbox/iam/server.ts";
import { sandboxKeyPairs, sandboxTokens } from "../../src/sandbox/principals.ts";
import site from "../../src/sandbox/site.json" with { type: "json" };
import { parseSigner } from "../../src/tlog/note.ts";
import { dataFolder } from "../fixture/data-folder.ts";
import { openToRead } from "../fixture/database.ts";
import { change, loadCredential, recordedSteps, until } from "./gate.ts";
import { seededRandom } from "./random.ts";
import { report } from "./summary.ts";
import { expectAllToBeFree, Tally } from "./tally.ts";

const CALLERS = 16;
const JUMPS = 60;
const HOUR_MS = 3_600_000;

/** The machine's clock, set by somebody who cannot decide. */
class JumpingClock implements Clock {
  #offset = 0;

  now(): number {
    return Date.now() + this.#offset;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return systemClock.sleep(ms, signal);
  }

  /** @param ms whole, as clocks are */
  jump(ms: number): void {
    this.#offset += ms;
  }
}

let iam: SandboxIam;
const folder = dataFolder();
beforeAll(async () => {
  iam = await startSandboxIam({ extraUsers: CALLERS });
});
afterAll(async () => {
  await iam.close();
  folder.remove();
});

it(`a clock that jumps by hours, ${JUMPS} times under ${CALLERS} callers, disturbs neither order nor proofs`, async () => {
  const clock = new JumpingClock();
  const env = { LOCKKEEPER_LISTEN: "127.0.0.1:0", LOCKKEEPER_DATA_DIR: folder.path };
  const settings = sandboxConfig(iam.url, env);
  const config = {
    ...settings,
    limits: { ...settings.limits, changes: { perMinute: 1_000_000 } },
    reconcile: { ...settings.reconcile, intervalMs: 200, graceMs: 0 },
  };
  const { log } = createLog({ level: "silent", format: "json" });
  const gateway = await startGateway({
    config,
    log,
    clock,
    sandbox: {
      tokens: sandboxTokens("127.0.0.1"),
      keyPairs: sandboxKeyPairs("127.0.0.1"),
      credentials: sandboxCredentials,
      policyData: site,
    },
  });
  const tally = new Tally();
  let over = false;
  const callers = Array.from({ length: CALLERS }, async (_, index) => {
    const credential = loadCredential(index + 1);
    for (let turn = 0; !over; turn += 1) {
      const body = { credential, status: turn % 2 === 0 ? "Inactive" : "Active", ticket: "SEC-1" };
      tally.take(await change(gateway.url, "sandbox-oncall", body));
    }
  });
  const random = seededRandom(7);
  for (let jump = 0; jump < JUMPS; jump += 1) {
    await new Promise((resolve) => setTimeout(resolve, 20 + random() * 80));
    clock.jump(Math.round((random() - 0.5) * 6 * HOUR_MS));
  }
  over = true;
  await Promise.all(callers);
  await expectAllToBeFree(gateway.url, "sandbox-oncall", CALLERS, tally);
  await until(() => [...recordedSteps(folder.database).values()].every((codes) => !isOpen(codes)));

  const updates = iam.journal.entries().map(({ changeId }) => ({ changeId: changeId ?? "" }));
  const { verifier } = parseSigner(configuredKeys(config).signingKey);
  const place = { database: folder.database, verifierKey: verifier };
  const { acknowledged, lost, unexplained, fault } = await tally.judge(place, updates);
  const backwards = stepsBackInTime(folder.database);
  console.log(
    `${JUMPS} jumps: ${acknowledged} acknowledged, answers ${JSON.stringify(tally.answers)}; ${backwards} records are older than the one before`,
  );
  report({
    fault: "clock that jumps by hours",
    runs: JUMPS,
    acknowledged,
    lost: lost.length,
    unexplained: unexplained.length,
    control: `in order of time ${backwards} records would stand elsewhere`,
  });
  expect(acknowledged).toBeGreaterThan(JUMPS);
  expect({ lost, unexplained, fault }).toEqual({ lost: [], unexplained: [], fault: undefined });
  // The order of the log is that of its indexes; by time it would be another one.
  expect(backwards).toBeGreaterThan(JUMPS / 10);
  await gateway.close();
});

function isOpen(codes: readonly string[]): boolean {
  return codes[0] === "credential.status.intent" && codes.length === 1;
}

/** Records whose time is before that of the record before them. */
function stepsBackInTime(database: string): number {
  const db = openToRead(database);
  try {
    const times = db
      .prepare("SELECT time FROM records ORDER BY idx")
      .all()
      .map(({ time }) => Number(time));
    return times.filter((time, index) => index > 0 && time < (times[index - 1] ?? 0)).length;
  } finally {
    db.close();
  }
}
