import { isDeepStrictEqual } from "node:util";
import { PolicyDecisionPoint } from "../../src/policy/pdp.ts";
import { sandboxData, shippedBundle } from "../policy/policies.ts";
import { type OpaServer, startOpaServer } from "./opa-server.ts";
import { mixedInputs } from "./policy-requests.ts";
import { ROUNDS, WARM_UP_ROUNDS } from "./setting.ts";
import { median, spread, verdict } from "./statistics.ts";

const DECISIONS = 20_000;
const QUESTIONS = 2_000;
const AT_MOST = 1 / 40;
const SITE = "src/sandbox/site.json";

/** A decision in process, and the same one by the same `opa` as a server over keep-alive HTTP on loopback. */
export async function policyDecision(): Promise<void> {
  const pdp = new PolicyDecisionPoint();
  pdp.activate(shippedBundle(), sandboxData());
  const opa = await startOpaServer(SITE);
  const [inProcess, overHttp]: [number[], number[]] = [[], []];
  try {
    await mustAgree(pdp, opa);
    for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round += 1) {
      const ours = decide(pdp);
      const theirs = await ask(opa);
      if (round < 0) continue;
      inProcess.push(median(ours));
      overHttp.push(median(theirs));
    }
  } finally {
    await opa.stop();
  }
  const ratio = median(inProcess) / median(overHttp);
  console.log(`  opa over HTTP          p50 ${spread(overHttp)} us`);
  console.log(`  in process             p50 ${spread(inProcess, 1)} us`);
  console.log(`  ratio                  1/${(1 / ratio).toFixed(0)} (at most 1/40) ${verdict(ratio <= AT_MOST)}`);
}

/** A figure says nothing when the two decide differently. */
async function mustAgree(pdp: PolicyDecisionPoint, opa: OpaServer): Promise<void> {
  for (const input of mixedInputs) {
    const { allow, reasons, obligations, needs } = pdp.decide(input);
    const theirs = await opa.decide(JSON.stringify(input));
    if (!isDeepStrictEqual(theirs, { allow, reasons, obligations, needs })) {
      throw new Error(`opa decides otherwise: ${JSON.stringify(theirs)}`);
    }
  }
}

/** @returns microseconds of each */
function decide(pdp: PolicyDecisionPoint): number[] {
  const times: number[] = [];
  for (let n = 0; n < DECISIONS; n += 1) {
    const input = mixedInputs[n % mixedInputs.length];
    if (input === undefined) continue;
    const start = performance.now();
    pdp.decide(input);
    times.push((performance.now() - start) * 1000);
  }
  return times;
}

/** @returns microseconds of each, one after the other */
async function ask(opa: OpaServer): Promise<number[]> {
  const inputs = mixedInputs.map((input) => JSON.stringify(input));
  const times: number[] = [];
  for (let n = 0; n < QUESTIONS; n += 1) {
    const start = performance.now();
    await opa.decide(inputs[n % inputs.length] ?? "null");
    times.push((performance.now() - start) * 1000);
  }
  return times;
}
