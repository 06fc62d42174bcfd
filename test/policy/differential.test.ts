import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PolicyData } from "../../src/policy/data.ts";
import { Evaluator, jsonBytes } from "../../src/policy/evaluator.ts";
import type { PolicyInput } from "../../src/policy/input.ts";
import { hostileInput, validInput } from "./generated-inputs.ts";
import { opaEval } from "./opa-eval.ts";
import { pdpWith, sandboxData, shippedBundle } from "./policies.ts";
import { neededFacts, reasonCodes } from "./reason-codes.ts";

const SEED = 20_261_121;
const VALID = 6_000;
const HOSTILE = 5_000;
/** With which nothing is known of who may do what. */
const WITHOUT_DATA = 200;
const SITE = "src/sandbox/site.json";

interface Decided {
  readonly allow: boolean;
  readonly reasons: readonly { readonly code: string }[];
  readonly needs: readonly string[];
}

/** Through JSON, because that is all that either gets to see. */
function sample(inputs: fc.Arbitrary<unknown>, numRuns: number): unknown[] {
  return fc.sample(inputs, { seed: SEED, numRuns }).map((each) => JSON.parse(JSON.stringify(each)));
}

/** One process decides on all of them. */
function decidedByOpa(inputs: readonly unknown[], site: readonly string[]): readonly Decided[] {
  const query = "[decision | some input_ in data.inputs; decision := data.lockkeeper.decision with input as input_]";
  const decisions = opaEval(query, ["policies/lockkeeper", ...site], { inputs });
  if (!Array.isArray(decisions)) throw new Error("OPA gave no list of decisions");
  expect(decisions).toHaveLength(inputs.length);
  return decisions;
}

/** What WebAssembly, or the PDP around it, decides in another way. */
function unlike(inputs: readonly unknown[], byOpa: readonly Decided[], data: PolicyData): unknown[] {
  const evaluator = new Evaluator(shippedBundle(), data);
  return inputs.filter((input, i) => {
    const inWasm = evaluator.evaluate(jsonBytes(JSON.stringify(input)));
    return !isDeepStrictEqual(inWasm, [{ result: byOpa[i] }]);
  });
}

/** The codes with which a PDP may deny of itself what policy has decided on. */
function refusalOf(input: unknown, decided: Decided | undefined): readonly string[] {
  const isLarge = Buffer.byteLength(JSON.stringify(input)) > 32 * 1024;
  const asksAgain = (decided?.needs.length ?? 0) > 0 && (input as PolicyInput).facts !== undefined;
  return [...(isLarge ? ["policy-input-too-large"] : []), ...(asksAgain ? ["policy-needs-again"] : [])];
}

describe("the WebAssembly decides as OPA does", () => {
  const inputs = [...sample(validInput, VALID), ...sample(hostileInput, HOSTILE)];
  let byOpa: readonly Decided[] = [];
  let withoutData: readonly Decided[] = [];

  it(`on ${inputs.length} generated inputs (seed ${SEED})`, () => {
    byOpa = decidedByOpa(inputs, [SITE]);
    expect(unlike(inputs, byOpa, sandboxData())).toEqual([]);
  });

  it(`on ${WITHOUT_DATA} of them without the site's data, which all are denied`, () => {
    const some = inputs.slice(0, WITHOUT_DATA);
    withoutData = decidedByOpa(some, []);
    expect(unlike(some, withoutData, {})).toEqual([]);
    expect(withoutData.filter(({ allow }) => allow)).toEqual([]);
  });

  it("and the PDP says what they say, but for what is too large, or asks for facts when there are some", () => {
    const { pdp, faults } = pdpWith(shippedBundle(), sandboxData());
    const otherwise = inputs.filter((input, i) => {
      const { allow, reasons } = pdp.decide(input as PolicyInput);
      const refused = !allow && refusalOf(input, byOpa[i]).includes(reasons[0]?.code ?? "");
      return !refused && !isDeepStrictEqual([allow, reasons], [byOpa[i]?.allow, byOpa[i]?.reasons]);
    });
    expect(otherwise).toEqual([]);
    // How long a decision takes on a busy machine is not what is compared here.
    const failed = faults.map(({ code }) => code).filter((code) => code !== "policy-slow");
    expect(new Set(failed), "nothing failed").toEqual(new Set(["policy-input-too-large", "policy-needs-again"]));
  });

  it("and every reason and need of the policies is met: inputs that are all denied for want of more prove little", () => {
    const codes = new Set([...byOpa, ...withoutData].flatMap(({ reasons }) => reasons.map(({ code }) => code)));
    expect(reasonCodes.length).toBeGreaterThan(25);
    expect(reasonCodes.filter((code) => !codes.has(code))).toEqual([]);
    expect([...codes].filter((code) => !reasonCodes.includes(code))).toEqual([]);
    expect([...new Set(byOpa.flatMap(({ needs }) => needs))].sort()).toEqual(neededFacts);
    const valid = byOpa.slice(0, VALID);
    expect(valid.filter(({ allow }) => allow).length).toBeGreaterThan(VALID / 10);
    expect(valid.filter(({ allow }) => !allow).length).toBeGreaterThan(VALID / 10);
  });
});
