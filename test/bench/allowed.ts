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

/** Allowed changes against a bare Express handler that makes the same two SDK calls to the same IAM stand-in. */
export async function allowed(): Promise<void> {
  const iam = await startIam();
  const sdk = await startReference("sdk", iam);
  const gateway = await startGateway(iam, { oncall: "oncall" }, NO_LIMITS);
  const common = { connections: CONNECTIONS, seconds: SECONDS, body: switchOffs(), expectStatus: 201 };
  const bare: number[] = [];
  const ours: number[] = [];
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round += 1) {
    const reference = await load({ ...common, url: sdk, headers: {} });
    const measured = await load({
      ...common,
      url: `${gateway.url}/v1/status-changes`,
      headers: bearer(gateway.keys.oncall),
    });
    if (round < 0) continue;
    bare.push(reference.requestsPerSecond);
    ours.push(measured.requestsPerSecond);
  }
  console.log(`  bare handler, 2 calls  ${spread(bare)} requests/s`);
  console.log(`  allowed changes        ${spread(ours)} requests/s`);
  console.log(`  ratio                  ${(median(ours) / median(bare)).toFixed(3)} (at least 0.60)`);
  console.log(`  peak resident memory   ${peakResidentMb(gateway.child).toFixed(0)} MB (under 200)`);
  gateway.remove();
}
