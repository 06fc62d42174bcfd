import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { keys, release } from "../policy/living-policies.ts";
import { shippedBundle } from "../policy/policies.ts";
import { testFolder, writeKeys } from "../policy/signed-bundles.ts";
import { startGateway } from "./gateway.ts";
import { bearer, NO_LIMITS, startIam, switchOffs } from "./setting.ts";
import { percentile, spread, verdict } from "./statistics.ts";
import { type Sent, SteadyLoad } from "./steady-load.ts";

const SWAPS = 12;
const WARM_UP_SECONDS = 8;
/** Of which one has a swap in its middle. */
const SECONDS_EACH = 3;
const PER_SECOND = 250;
const AT_MOST = 2;

/**
 * Signed bundles of the shipped policies from a bundle service, each with its self-test, put in force one after the
 * other while decisions are asked for at a steady rate: how long those of a second with a swap take, and the others.
 */
export async function policySwap(): Promise<void> {
  const folder = testFolder();
  const service = await startBundleService();
  service.publish(0);
  const policy = {
    url: service.url,
    pollMs: 100,
    verification: { keyFile: writeKeys(folder.path(), keys).public, algorithm: "ES256" },
  };
  const gateway = await startGateway(await startIam(), { admin: "admin" }, NO_LIMITS, policy);
  const headers = bearer(gateway.keys.admin);
  // By an admin with a ticket: nothing is looked up for that, so policy and its record are all that it takes.
  const body = switchOffs()();
  const load = new SteadyLoad(`${gateway.url}/v1/decisions`, headers, body, PER_SECOND);
  await pause(WARM_UP_SECONDS * 1000);
  for (let swap = 1; swap <= SWAPS; swap += 1) {
    service.publish(swap);
    await pause(SECONDS_EACH * 1000);
  }
  await load.end();
  service.close();
  gateway.remove();
  folder.remove();

  const { calm, swapped } = bySecond(load.sent);
  const wrong = load.failed + load.sent.filter(({ status, reply }) => status !== 200 || !isAllowed(reply)).length;
  const p99s = (seconds: readonly (readonly number[])[]) => seconds.map((times) => percentile(times, 0.99));
  const p50 = percentile(calm.flat(), 0.5);
  const [usual, during] = [p99s(calm), p99s(swapped)];
  const ratio = percentile(during, 0.5) / percentile(usual, 0.5);
  const longest = Math.max(...swapped.flat());
  console.log(`  ${PER_SECOND} decisions/s, p50 ${p50.toFixed(2)} ms, ${swapped.length} swaps (of ${SWAPS})`);
  console.log(
    `  failed or wrong        ${wrong} of ${load.sent.length + load.failed} (to be 0) ${verdict(wrong === 0)}`,
  );
  console.log(`  a second without swap  p99 ${spread(usual, 2)} ms`);
  console.log(`  a second with a swap   p99 ${spread(during, 2)} ms, longest ${longest.toFixed(1)} ms`);
  const holds = swapped.length === SWAPS && ratio <= AT_MOST;
  console.log(`  ratio                  ${ratio.toFixed(2)} (at most 2) ${verdict(holds)}`);
}

/** The times of the requests of each second: half a second before and after each swap, and a second from then on. */
function bySecond(all: readonly Sent[]): { readonly calm: number[][]; readonly swapped: number[][] } {
  const sent = [...all].sort((one, other) => one.at - other.at);
  let newest = 0;
  const swaps = sent.filter((each) => {
    const isNew = revisionOf(each) > newest;
    newest = Math.max(newest, revisionOf(each));
    return isNew;
  });
  const timesIn = (from: number) => sent.filter(({ at }) => at >= from && at < from + 1000).map(({ tookMs }) => tookMs);
  return {
    swapped: swaps.map(({ at }) => timesIn(at - 500)),
    calm: swaps.map(({ at }) => timesIn(at + 1000)).filter((times) => times.length > PER_SECOND / 2),
  };
}

function isAllowed(reply: string): boolean {
  return JSON.parse(reply).allow === true;
}

function revisionOf({ reply }: Sent): number {
  return Number(JSON.parse(reply).revision?.replace("r", ""));
}

/**
 * A bundle service whose bundles are all of the shipped policies. They are made beforehand: this process also takes the
 * times, and whatever keeps it busy would count as the gateway's.
 */
async function startBundleService() {
  const { selfTest } = shippedBundle();
  const bundles: Buffer[] = [];
  for (let n = 0; n <= SWAPS; n += 1) bundles.push(await release(`r${n}`, n, { selfTest }));
  let current: { readonly bytes: Buffer | undefined; readonly etag: string } | undefined;
  const server = createServer((request, response) => {
    if (current === undefined) return void response.writeHead(503).end();
    if (request.headers["if-none-match"] === current.etag) return void response.writeHead(304).end();
    response.writeHead(200, { etag: current.etag }).end(current.bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/bundle.tar.gz`,
    publish: (n: number) => {
      current = { bytes: bundles[n], etag: `"${n}"` };
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
