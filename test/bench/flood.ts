import autocannon from "autocannon";
import { startGateway } from "./gateway.ts";
import { oneByOne, post } from "./load.ts";
import { bearer, CONNECTIONS, ROUNDS, startIam, switchOffs, WARM_UP_ROUNDS } from "./setting.ts";
import { percentile, spread } from "./statistics.ts";

const REQUESTS = 250;
/** So many take turns that none of them comes near the limit, which stands as it is shipped. */
const ONCALL = Array.from({ length: 150 }, (_, index) => `oncall-${index}`);

/**
 * Allowed changes, one after the other, while another principal sends denied ones as fast as it can. Limits are the
 * defaults.
 */
export async function flood(): Promise<void> {
  const iam = await startIam();
  const gateway = await startGateway<string>(iam, {
    ...Object.fromEntries(ONCALL.map((id) => [id, "oncall"])),
    flooder: "viewer",
  });
  const callers = ONCALL.map((id) => gateway.keys[id] ?? "");
  let turn = 0;
  const url = `${gateway.url}/v1/status-changes`;
  const next = switchOffs();
  const headers = { "content-type": "application/json" };
  const change = async () => {
    const status = await post(url, bearer(callers[turn++ % callers.length] ?? ""), next());
    if (status !== 201) throw new Error(`the gateway answered ${status}`);
  };
  const attackOptions: autocannon.Options = {
    url,
    connections: CONNECTIONS,
    duration: 3600,
    method: "POST",
    headers: { ...headers, ...bearer(gateway.keys["flooder"] ?? "") },
    body: next(),
  };
  const quiet: number[] = [];
  const flooded: number[] = [];
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round += 1) {
    const calm = await oneByOne(REQUESTS, change);
    let attack: autocannon.Instance | undefined;
    const attacked = new Promise<autocannon.Result>((resolve, reject) => {
      attack = autocannon(attackOptions, (error, result) => (error ? reject(error) : resolve(result)));
    });
    const stormy = await oneByOne(REQUESTS, change);
    attack?.stop();
    const { requests } = await attacked;
    if (round < 0) continue;
    quiet.push(percentile(calm, 0.99));
    flooded.push(percentile(stormy, 0.99));
    console.log(`  flood of ${requests.average.toFixed(0)} requests/s`);
  }
  console.log(`  quiet                  p99 ${spread(quiet, 2)} ms`);
  console.log(`  while flooded          p99 ${spread(flooded, 2)} ms`);
  console.log(`  ratio                  ${(percentile(flooded, 0.5) / percentile(quiet, 0.5)).toFixed(2)} (at most 2)`);
  gateway.remove();
}
