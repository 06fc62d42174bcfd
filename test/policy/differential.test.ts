import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Evaluator, jsonBytes } from "../../src/policy/evaluator.ts";
import type { PolicyInput } from "../../src/policy/input.ts";
import { opaEval } from "./opa-eval.ts";
import { pdpWith, sandboxData, shippedBundle } from "./policies.ts";

const SEED = 20_261_121;
const INPUTS = 6000;

/** Any well-formed text: all of Unicode but lone surrogates, which a PDP refuses before it asks. */
const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.constantFrom(
    "",
    " ",
    "\u0000",
    "K",
    "ſofia",
    "İ",
    "__proto__",
    "constructor",
    "BREAK-GLASS",
    "bob\u0000",
    "ＢＯＢ",
  ),
);
const huge = fc
  .tuple(fc.constantFrom("a", "é", "😀", "SEC-", "\\", '"', "\u0000"), fc.integer({ min: 1000, max: 40_000 }))
  .map(([unit, count]) => unit.repeat(count));
const nested = fc.integer({ min: 1, max: 300 }).map((depth) => {
  let value: unknown = "Bob";
  for (let level = 0; level < depth; level++) value = level % 2 === 0 ? [value] : { userName: value };
  return value;
});
const odd = fc.oneof(
  { weight: 8, arbitrary: text },
  {
    weight: 4,
    arbitrary: fc.constantFrom(null, true, false, 0, 5, -1, 1.5, 1e15, [], {}, [null], [[]], { id: "Bob" }),
  },
  { weight: 4, arbitrary: fc.jsonValue({ maxDepth: 4 }) },
  { weight: 1, arbitrary: nested },
  { weight: 1, arbitrary: huge },
);

/** Mostly one of the values with a meaning, sometimes anything, sometimes missing. */
function mostly(...values: readonly unknown[]): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 12, arbitrary: fc.constantFrom(...values) }, { weight: 1, arbitrary: odd });
}
function thing(fields: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: 30, arbitrary: fc.record(fields) },
    { weight: 8, arbitrary: fc.record(fields, { requiredKeys: [] }) },
    { weight: 1, arbitrary: odd },
  );
}

const principalId = mostly("oncall", "admin", "chatops", "ticketing", "viewer", "bob", "sofia", "mallory", "jo");
const issuer = mostly("sandbox", "sandbox", "sandbox", "https://idp.example");
const userName = mostly("Bob", "bob", "BOB", "sofia", "break-glass", "Break-Glass", "lockkeeper", "LOCKKEEPER", "eve");
const ticketId = mostly(
  "SEC-123",
  "SEC-123",
  "sec-1",
  "SEC-",
  "-1",
  "SEC-1-2",
  "S-1",
  "SEC-12345678901",
  "ＳＥＣ-1",
  "SEC-１",
);
const anInput = thing({
  principal: thing({
    id: principalId,
    issuer,
    kind: mostly("human", "service", "bot"),
    userName: fc.option(userName, { nil: undefined }),
    groups: mostly([], ["sandbox#sre"], ["https://idp.example#sre", "x"], ["oncall"], "sandbox#sre", {
      a: "sandbox#sre",
    }),
    authn: mostly("sandbox-token", "jwt"),
  }),
  onBehalfOf: fc.option(thing({ id: mostly("sofia", "mallory", "MALLORY", "") }), { nil: undefined }),
  action: mostly(
    ...["iam:UpdateAccessKey", "iam:UpdateSigningCertificate", "iam:UpdateSSHPublicKey", "iam:DeleteAccessKey"],
    ...["lockkeeper:ListCredentials", "lockkeeper:ReadStatusChange", "lockkeeper:FindAccessKeyOwner"],
    ...["iam:ListAccessKeys", "iam:GetUser", "iam:ListUsers", "iam:GetAccessKeyLastUsed"],
  ),
  credential: thing({ type: mostly("access-key"), id: mostly("AKIAIOSFODNN7EXAMPLE"), userName, account: mostly("1") }),
  change: thing({
    status: mostly("Active", "Inactive", "Inactive", "Expired", "inactive"),
    reason: fc.option(odd, { nil: undefined }),
    ticket: fc.option(thing({ id: ticketId, verified: mostly(false) }), { nil: undefined }),
    requestedBy: fc.option(thing({ id: principalId, issuer }), { nil: undefined }),
  }),
  context: odd,
});

describe("the WebAssembly decides as OPA does", () => {
  it(`on ${INPUTS} generated inputs (seed ${SEED})`, () => {
    // Through JSON, because that is all that either gets to see.
    const inputs: unknown[] = fc
      .sample(anInput, { seed: SEED, numRuns: INPUTS })
      .map((each) => JSON.parse(JSON.stringify(each)));
    const query = "[decision | some input_ in data.inputs; decision := data.lockkeeper.decision with input as input_]";
    const byOpa = opaEval(query, ["policies/lockkeeper", "src/sandbox/site.json"], { inputs });
    if (!Array.isArray(byOpa)) throw new Error("OPA gave no list of decisions");
    expect(byOpa).toHaveLength(INPUTS);

    const evaluator = new Evaluator(shippedBundle(), sandboxData());
    const { pdp, faults } = pdpWith(shippedBundle(), sandboxData());
    const unlike = inputs.filter((input, i) => {
      const inWasm = evaluator.evaluate(jsonBytes(JSON.stringify(input)));
      const { allow, reasons } = pdp.decide(input as PolicyInput);
      const tooLarge = reasons[0]?.code === "policy-input-too-large";
      const { allow: allowed, reasons: why } = byOpa[i];
      return (
        !isDeepStrictEqual(inWasm, [{ result: byOpa[i] }]) ||
        !(tooLarge || isDeepStrictEqual({ allow, reasons }, { allow: allowed, reasons: why }))
      );
    });
    expect(unlike).toEqual([]);
    // How long a decision takes on a busy machine is not what is compared here.
    const failed = faults.map(({ code }) => code).filter((code) => code !== "policy-slow");
    expect(new Set(failed), "nothing failed").toEqual(new Set(["policy-input-too-large"]));

    // Generated inputs that are all denied for want of anything better would prove little.
    const codes = new Set(byOpa.flatMap(({ reasons }) => reasons.map(({ code }: { code: string }) => code)));
    expect(byOpa.filter(({ allow }) => allow).length).toBeGreaterThan(INPUTS / 20);
    expect(codes.size).toBeGreaterThan(20);
  });
});
