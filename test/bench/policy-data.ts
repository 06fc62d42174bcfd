import { isDeepStrictEqual } from "node:util";
import { dataDigest, type PolicyData } from "../../src/policy/data.ts";
import type { PolicyInput } from "../../src/policy/input.ts";
import { PolicyDecisionPoint } from "../../src/policy/pdp.ts";
import { sandboxData, shippedBundle } from "../policy/policies.ts";
import { mixedInputs } from "./policy-requests.ts";
import { ROUNDS, WARM_UP_ROUNDS } from "./setting.ts";
import { median, spread, verdict } from "./statistics.ts";

const TURNS = 100;
const DECISIONS = 200;
const AT_MOST = 1.5;

/** A decision with 10,000 users and 100,000 entries in the site's data, and the same one with the sandbox's data. */
export async function policyData(): Promise<void> {
  const small = sandboxData();
  const large = largeSite(small);
  const [few, many] = [await ready("small data", small), await ready("large data", large)];
  for (const input of mixedInputs) {
    const [one, other] = [few.decide(input), many.decide(input)];
    if (!isDeepStrictEqual(one, other)) throw new Error(`more data decides otherwise: ${JSON.stringify(other)}`);
  }
  const [beside, among]: [number[], number[]] = [[], []];
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round += 1) {
    const [withFew, withMany]: [number[], number[]] = [[], []];
    // In short turns, so that what else the machine does meets both.
    for (let turn = 0; turn < TURNS; turn += 1) {
      withFew.push(...times(few));
      withMany.push(...times(many));
    }
    if (round < 0) continue;
    beside.push(median(withFew));
    among.push(median(withMany));
  }
  const ratio = median(among) / median(beside);
  console.log(`  small data             p50 ${spread(beside, 1)} us`);
  console.log(`  large data             p50 ${spread(among, 1)} us`);
  console.log(`  ratio                  ${ratio.toFixed(2)} (at most 1.5) ${verdict(ratio <= AT_MOST)}`);
}

/** Beside what the small data says, 10,000 users, and with them 100,000 entries in all; no two alike. */
function largeSite({ site }: PolicyData): PolicyData {
  const { roles, protectedUsers, gatewayUsers, suspended } = site as Record<string, Record<string, object>>;
  const entries = (count: number, key: (n: number) => string, value: unknown) =>
    Object.fromEntries(Array.from({ length: count }, (_, n) => [key(n), value]));
  return {
    site: {
      roles: {
        principals: { ...entries(10_000, (n) => `lockkeeper person-${n}`, ["viewer"]), ...roles?.["principals"] },
        groups: { ...entries(30_000, (n) => `https://idp.example#team-${n}`, ["viewer"]), ...roles?.["groups"] },
      },
      protectedUsers: { ...entries(30_000, (n) => `protected-${n}`, "pays the wages"), ...protectedUsers },
      gatewayUsers,
      suspended: {
        principals: { ...entries(15_000, (n) => `lockkeeper former-${n}`, "left"), ...suspended?.["principals"] },
        people: { ...entries(15_000, (n) => `former-${n}`, "left"), ...suspended?.["people"] },
      },
    },
  };
}

/** Prints too for how long making it ready keeps everything else waiting, not counting when other programs run. */
async function ready(what: string, data: PolicyData): Promise<PolicyDecisionPoint> {
  const pdp = new PolicyDecisionPoint();
  const bundle = shippedBundle();
  let over = false;
  let longest = 0;
  const watch = (async () => {
    for (let last = threadCpuMs(); !over; ) {
      await new Promise((resolve) => setImmediate(resolve));
      const now = threadCpuMs();
      longest = Math.max(longest, now - last);
      last = now;
    }
  })();
  const begun = performance.now();
  // As records name it, which is worked out before it is put in force.
  dataDigest(data);
  await new Promise((resolve) => setImmediate(resolve));
  pdp.swap(await pdp.prepare(bundle, data));
  const took = performance.now() - begun;
  over = true;
  await watch;
  console.log(
    `  ${what} (${JSON.stringify(data).length} bytes) made ready in ${took.toFixed(0)} ms, ${longest.toFixed(0)} ms of CPU time at a stretch at most`,
  );
  return pdp;
}

function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** @returns microseconds of each decision */
function times(pdp: PolicyDecisionPoint): number[] {
  return Array.from({ length: DECISIONS }, (_, n) => {
    const input: PolicyInput | undefined = mixedInputs[n % mixedInputs.length];
    const start = performance.now();
    if (input !== undefined) pdp.decide(input);
    return (performance.now() - start) * 1000;
  });
}
