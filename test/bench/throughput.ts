import { peakResidentMb } from "../fixture/processes.ts";
import { startGateway } from "./gateway.ts";
import { load } from "./load.ts";
import { bearer, CONNECTIONS, NO_LIMITS, ROUNDS, SECONDS, startIam, switchOffs, WARM_UP_ROUNDS } from "./setting.ts";
import { median, spread } from "./statistics.ts";

export interface Comparison {
  /** Role of the one caller. */
  readonly role: string;
  /** What every reply of the gateway must be. */
  readonly expectStatus: number;
  readonly label: string;
  /** What it is measured against, given the IAM stand-in's URL. */
  readonly reference: {
    readonly label: string;
    readonly expectStatus: number;
    start(iamUrl: string): Promise<string>;
  };
  /** The least share of the reference's requests per second. */
  readonly atLeast: number;
}

/** Changes by one principal over many connections, in turn with the same requests to a reference. */
export async function compareThroughput({ role, expectStatus, label, reference, atLeast }: Comparison): Promise<void> {
  const iam = await startIam();
  const referenceUrl = await reference.start(iam);
  const gateway = await startGateway(iam, { caller: role }, NO_LIMITS);
  const common = { connections: CONNECTIONS, seconds: SECONDS, body: switchOffs() };
  const bare: number[] = [];
  const ours: number[] = [];
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round += 1) {
    const compared = await load({ ...common, url: referenceUrl, headers: {}, expectStatus: reference.expectStatus });
    const url = `${gateway.url}/v1/status-changes`;
    const measured = await load({ ...common, url, headers: bearer(gateway.keys.caller), expectStatus });
    if (round < 0) continue;
    bare.push(compared.requestsPerSecond);
    ours.push(measured.requestsPerSecond);
  }
  console.log(`  ${reference.label.padEnd(22)} ${spread(bare)} requests/s`);
  console.log(`  ${label.padEnd(22)} ${spread(ours)} requests/s`);
  console.log(`  ratio                  ${(median(ours) / median(bare)).toFixed(3)} (at least ${atLeast.toFixed(2)})`);
  console.log(`  peak resident memory   ${peakResidentMb(gateway.child).toFixed(0)} MB (under 200)`);
  gateway.remove();
}
