import { expect } from "vitest";
import { startProgram } from "../fixture/processes.ts";
import { prepareService, type Service } from "../fixture/service.ts";
import { change, main, receivedUpdates } from "./gate.ts";
import { report } from "./summary.ts";
import type { Tally } from "./tally.ts";

/** Of the log, for each record. */
export const DEADLINE_MS = 1000;
/** A change that on-call may make, and a viewer may not. */
export const off = {
  credential: { type: "signing-certificate", id: "TA7SMP42TDN5Z26OBPJE7EXAMPLE", userName: "Bob" },
  status: "Inactive",
};

export type Keys = Readonly<Record<"oncall" | "viewer", string>>;

/** A gateway on a data folder, and IAM as a process of its own. */
export async function startService(dataDir: string) {
  const iam = await startProgram([main, "sandbox-iam"]);
  const service = await prepareService({
    main,
    iamUrl: iam.url,
    roles: { oncall: "oncall", viewer: "viewer" },
    dataDir,
    settings: { audit: { deadlineMs: DEADLINE_MS }, limits: { changes: { perMinute: 100_000 } } },
  });
  const gateway = await service.start();
  return { iam, service, gateway };
}

/** Counts the answers of /livez while something else is going on. */
export function watchLiveness(url: string) {
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
export async function knock(url: string, keys: Keys, times: number, tally: Tally) {
  const statuses = new Set<number | undefined>();
  let slowest = 0;
  for (let turn = 0; turn < times; turn += 1) {
    for (const key of [keys.oncall, keys.viewer]) {
      const start = performance.now();
      statuses.add(tally.take(await change(url, key, off))?.status);
      slowest = Math.max(slowest, performance.now() - start);
    }
  }
  return { statuses: [...statuses].sort(), slowest };
}

/** Asks for a change until it is made. */
export async function changeUntilMade(url: string, key: string, tally: Tally) {
  let answer = tally.take(await change(url, key, off));
  for (let tries = 0; answer?.status !== 201 && tries < 100; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    answer = tally.take(await change(url, key, off));
  }
  expect(answer?.status).toBe(201);
}

/** Holds what was answered against the log, and puts it into the table. */
export async function expectNothingLost(
  what: { readonly fault: string; readonly runs: number; readonly control: string },
  service: Service<"oncall">,
  iamUrl: string,
  tally: Tally,
): Promise<void> {
  const { acknowledged, lost, unexplained, open, fault } = await tally.judge(service, await receivedUpdates(iamUrl));
  report({ ...what, acknowledged, lost: lost.length, unexplained: unexplained.length });
  expect({ lost, unexplained, open, fault }).toEqual({ lost: [], unexplained: [], open: [], fault: undefined });
}
