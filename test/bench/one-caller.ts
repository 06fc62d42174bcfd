import { IAMClient, ListAccessKeysCommand, UpdateAccessKeyCommand } from "@aws-sdk/client-iam";
import { sandboxCredentials } from "../../src/sandbox/iam/seed.ts";
import { startGateway } from "./gateway.ts";
import { oneByOne, post } from "./load.ts";
import { bearer, NO_LIMITS, ROUNDS, startIam, switchOffs, WARM_UP_ROUNDS } from "./setting.ts";
import { median, spread } from "./statistics.ts";

const REQUESTS = 400;

/** One caller at a time: an allowed change through the gateway, and the same two SDK calls made directly. */
export async function oneCaller(): Promise<void> {
  const iamUrl = await startIam();
  const gateway = await startGateway(iamUrl, { oncall: "oncall" }, NO_LIMITS);
  const iam = new IAMClient({
    endpoint: iamUrl,
    region: "us-east-1",
    credentials: sandboxCredentials,
  });
  const next = switchOffs();
  const direct = async () => {
    const { credential, status } = JSON.parse(next());
    await iam.send(new ListAccessKeysCommand({ UserName: credential.userName }));
    await iam.send(
      new UpdateAccessKeyCommand({ UserName: credential.userName, AccessKeyId: credential.id, Status: status }),
    );
  };
  const headers = bearer(gateway.keys.oncall);
  const through = async () => {
    const status = await post(`${gateway.url}/v1/status-changes`, headers, next());
    if (status !== 201) throw new Error(`the gateway answered ${status}`);
  };
  const [directP50, throughP50]: [number[], number[]] = [[], []];
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round += 1) {
    const straight = await oneByOne(REQUESTS, direct);
    const gated = await oneByOne(REQUESTS, through);
    if (round < 0) continue;
    directP50.push(median(straight));
    throughP50.push(median(gated));
  }
  iam.destroy();
  console.log(`  two calls directly     p50 ${spread(directP50, 2)} ms`);
  console.log(`  an allowed change      p50 ${spread(throughP50, 2)} ms`);
  console.log(`  more                   ${(median(throughP50) - median(directP50)).toFixed(2)} ms (at most 2)`);
  gateway.remove();
}
