import { peakResidentMb } from "../fixture/processes.ts";
import { startGateway } from "./gateway.ts";
import { load } from "./load.ts";
import {
  bearer,
  CONNECTIONS,
  NO_LIMITS,
  ROUNDS,
  SECONDS,
  startIam,
  startReference,
  switchOffs,
  WARM_UP_ROUNDS,
} from "./setting.ts";
import { median, spread } from "./statistics.ts";

/** Denied changes, each with its durable record, against a bare Express app that parses and echoes the same JSON. */
export async function denied(): Promise<void> {
  const iam = await startIam();
  const echo = await startReference("echo");
  const gateway = await startGateway(iam, { viewer: "viewer" }, NO_LIMITS);
  const common = { connections: CONNECTIONS, seconds: SECONDS, body: switchOffs() };
  const bare: number[] = [];
  const ours: number[] = [];
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round += 1) {
    const reference = await load({ ...common, url: echo, headers: {}, expectStatus: 200 });
    const measured = await load({
      ...common,
      url: `${gateway.url}/v1/status-changes`,
      headers: bearer(gateway.keys.viewer),
      expectStatus: 403,
    });
    if (round < 0) continue;
    bare.push(reference.requestsPerSecond);
    ours.push(measured.requestsPerSecond);
  }
  console.log(`  bare Express echo      ${spread(bare)} requests/s`);
  console.log(`  denied changes         ${spread(ours)} requests/s`);
  console.log(`  ratio                  ${(median(ours) / median(bare)).toFixed(3)} (at least 0.20)`);
  console.log(`  peak resident memory   ${peakResidentMb(gateway.child).toFixed(0)} MB (under 200)`);
  gateway.remove();
}
