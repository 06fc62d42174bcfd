import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { ENTRYPOINT } from "../../src/policy/bundle.ts";
import type { PolicyInput } from "../../src/policy/input.ts";
import { PolicyDecisionPoint } from "../../src/policy/pdp.ts";
import { compileRego, lenientData, pdpWith, shippedBundle } from "./policies.ts";
import { input, principal } from "./requests.ts";
import { bundleAnswering } from "./wasm-double.ts";

/** Rego that answers properly to nobody's and to an honest request; a test says what it does on all others. */
const HONEST = `
honest if input.principal.id == "oncall"
nobody if input.principal.id == "nobody"
hostile if { not honest; not nobody }
decision := {"allow": true, "reasons": [{"code": "honest", "message": "Honest."}], "obligations": []} if honest
decision := {"allow": false, "reasons": [{"code": "nobody", "message": "Nobody."}], "obligations": [], "needs": []} if nobody
`;
const honest = input(principal("oncall"));
const hostile = input(principal("mallory"));

const answer = (fields: string) => `decision := {${fields}} if hostile`;
const REASONS = '"reasons": [{"code": "a", "message": "A."}]';
const conflict = 'decision := {"allow": true} if hostile\ndecision := {"allow": false} if hostile';

describe("a PDP denies on whatever is not one well-formed allow", () => {
  const cases: readonly [what: string, rego: string, code: string][] = [
    ["nothing at all", "", "policy-undefined"],
    ["true", "decision := true if hostile", "policy-malformed"],
    ['"true"', 'decision := "true" if hostile', "policy-malformed"],
    ["null", "decision := null if hostile", "policy-malformed"],
    ["a list", 'decision := [{"allow": true}] if hostile', "policy-malformed"],
    ['an allow that is "true"', answer(`"allow": "true", ${REASONS}, "obligations": []`), "policy-malformed"],
    ["an allow that is 1", answer(`"allow": 1, ${REASONS}, "obligations": []`), "policy-malformed"],
    ["no allow", answer(`${REASONS}, "obligations": []`), "policy-malformed"],
    ["no reasons", answer('"allow": true, "obligations": []'), "policy-malformed"],
    ["reasons that are text", answer('"allow": true, "reasons": ["yes"], "obligations": []'), "policy-malformed"],
    ["no obligations", answer(`"allow": true, ${REASONS}`), "policy-malformed"],
    ["obligations that are an object", answer(`"allow": true, ${REASONS}, "obligations": {}`), "policy-malformed"],
    ["needs that are null", answer(`"allow": true, ${REASONS}, "obligations": [], "needs": null`), "policy-malformed"],
    ["an unknown field", answer(`"allow": true, ${REASONS}, "obligations": [], "deny": true`), "policy-malformed"],
    [
      "an unknown obligation",
      answer(`"allow": true, ${REASONS}, "obligations": ["call-home"]`),
      "policy-obligation-unknown",
    ],
    [
      "a need that nobody knows",
      answer(`"allow": true, ${REASONS}, "obligations": [], "needs": ["key-age"]`),
      "policy-needs-unknown",
    ],
    [
      "a need that nobody knows among others",
      answer(`"allow": false, ${REASONS}, "obligations": [], "needs": ["user", {"user": true}]`),
      "policy-needs-unknown",
    ],
    [
      "an allow that asks for facts",
      answer(`"allow": true, ${REASONS}, "obligations": [], "needs": ["user"]`),
      "policy-needs-with-allow",
    ],
    ["a thrown string", conflict, "policy-error"],
    ["a thrown object", answer(`"allow": time.clock(input.context.time.epochMs)[0] >= 0`), "policy-error"],
    [
      "a list of 20,000 reasons",
      answer(
        '"allow": true, "reasons": [{"code": "a", "message": "A."} | some i in numbers.range(1, 20000)], "obligations": []',
      ),
      "policy-malformed",
    ],
  ];
  it.each(cases)("%s", (_, rego, code) => {
    const { pdp, faults } = pdpWith(compileRego(HONEST + rego, { revision: "hostile-7" }));
    for (let round = 0; round < 3; round++) {
      expect(pdp.decide(hostile)).toMatchObject({ allow: false, reasons: [{ code }], revision: "hostile-7" });
      expect(pdp.decide(honest)).toMatchObject({ allow: true, reasons: [{ code: "honest" }] });
    }
    const reported = faults.map((fault) => fault.code).filter((each) => each !== "policy-slow");
    expect(reported).toEqual([code, code, code]);
  });

  const outside: readonly [what: string, text: string, code: string][] = [
    [
      "two results",
      '[{"result":{"allow":true,"reasons":[],"obligations":[]}},{"result":{"allow":true,"reasons":[],"obligations":[]}}]',
      "policy-malformed",
    ],
    ["a result set that is an object", '{"result":{"allow":true,"reasons":[],"obligations":[]}}', "policy-malformed"],
    [
      "a result beside something else",
      '[{"result":{"allow":true,"reasons":[],"obligations":[]},"also":1}]',
      "policy-malformed",
    ],
    ["no result set", "null", "policy-malformed"],
    ["an empty result set", "[]", "policy-undefined"],
    ["no JSON", '[{"result":{"allow":true', "policy-error"],
    ["nothing but a zero byte", "", "policy-error"],
  ];

  it.each(outside)("%s, which no Rego compiles to", (_, text, code) => {
    const { pdp } = pdpWith(bundleAnswering(text, 800));
    const long = input(principal("mallory"), { reason: "long ".repeat(100) });
    expect(pdp.decide(long)).toMatchObject({ allow: false, reasons: [{ code }] });
    expect(pdp.decide(long)).toMatchObject({ allow: false, reasons: [{ code }] });
  });

  it("allows on the same WebAssembly's one well-formed result", () => {
    const { pdp } = pdpWith(bundleAnswering('[{"result":{"allow":true,"reasons":[],"obligations":[]}}]', 800));
    expect(pdp.decide(input(principal("oncall"), { reason: "long ".repeat(100) })).allow).toBe(true);
  });

  it("tells what policy needs to know, each once, and never with an allow", () => {
    const rego = answer(`"allow": false, ${REASONS}, "obligations": [], "needs": ["user", "siblings", "user"]`);
    const { pdp, faults } = pdpWith(compileRego(HONEST + rego));
    expect(pdp.decide(hostile)).toMatchObject({ allow: false, needs: ["user", "siblings"] });
    expect(faults).toEqual([]);
  });

  it("denies what is asked for again, whatever was told: null is an answer", () => {
    const rego = answer(`"allow": false, ${REASONS}, "obligations": [], "needs": ["user"]`);
    const { pdp } = pdpWith(compileRego(HONEST + rego));
    const facts = { user: null, unavailable: { user: "unavailable" } } as const;
    expect(pdp.decide({ ...hostile, facts })).toMatchObject({
      allow: false,
      needs: [],
      reasons: [{ code: "policy-needs-again" }],
    });
  });

  it("tries with facts, too, whether a bundle allows what nobody asked for", () => {
    const asksFirst =
      'decision := {"allow": true, "reasons": [{"code": "a", "message": "A."}], "obligations": [], "needs": []} if input.facts\n';
    const asks =
      'decision := {"allow": false, "reasons": [{"code": "n", "message": "N."}], "obligations": [], "needs": ["user"]} if not input.facts\n';
    expect(() => pdpWith(compileRego(asksFirst + asks))).toThrow("it allows a request that nobody made");
  });

  it("keeps an unknown obligation for the record", () => {
    const rego = answer(`"allow": true, ${REASONS}, "obligations": [{"notify": "ciso"}]`);
    expect(pdpWith(compileRego(HONEST + rego)).pdp.decide(hostile).obligations).toEqual([{ notify: "ciso" }]);
  });
});

describe("a PDP outlives what policies do", () => {
  it("a conflict 600 times in a row, each of which leaks stack in its instance", () => {
    const { pdp, faults } = pdpWith(compileRego(HONEST + conflict));
    for (let round = 0; round < 600; round++) expect(pdp.decide(hostile).allow).toBe(false);
    expect(pdp.decide(honest).allow).toBe(true);
    expect(new Set(faults.map(({ code }) => code))).toEqual(new Set(["policy-error"]));
  });

  it("evaluations that take much memory, which is given back though WebAssembly memory never shrinks", async () => {
    const { pdp } = pdpWith(compileRego(HONEST + answer(`"allow": ${megabytes(20)}`)));
    await collectGarbage();
    const before = process.memoryUsage().external;
    for (let round = 0; round < 2; round++) expect(pdp.decide(hostile).allow).toBe(false);
    expect(process.memoryUsage().external - before, "bytes taken").toBeGreaterThan(19e6);
    await collectGarbage();
    expect(process.memoryUsage().external - before, "bytes kept").toBeLessThan(10e6);
    expect(pdp.decide(honest).allow).toBe(true);
  });

  it("an evaluation that wants more memory than an instance may have", () => {
    const { pdp } = pdpWith(compileRego(HONEST + answer(`"allow": ${megabytes(300)}`)));
    expect(pdp.decide(hostile)).toMatchObject({ allow: false, reasons: [{ code: "policy-error" }] });
    expect(pdp.decide(honest).allow).toBe(true);
  });

  it("a listener that throws", () => {
    const pdp = new PolicyDecisionPoint({
      onFault: () => {
        throw new Error("the log is gone");
      },
    });
    pdp.activate(compileRego(HONEST + conflict), {});
    expect(pdp.decide(hostile).allow).toBe(false);
  });
});

describe("a PDP is asked with bounded, well-formed JSON", () => {
  const { pdp } = pdpWith(shippedBundle(), lenientData());
  const decideAny = (value: unknown) => pdp.decide(value as PolicyInput);

  it.each([
    ["undefined", undefined],
    ["a function", () => true],
    ["a cycle", cyclic()],
    ["a big integer", { ...honest, context: 1n }],
    ["half a surrogate pair", { ...honest, onBehalfOf: { id: "\ud800" } }],
    ["half a surrogate pair behind a backslash", { ...honest, onBehalfOf: { id: "\\\udfff" } }],
  ])("%s is malformed", (_, value) => {
    expect(decideAny(value)).toMatchObject({ allow: false, reasons: [{ code: "policy-input-malformed" }] });
  });

  it("text that only looks like half a surrogate pair is none", () => {
    expect(pdp.decide(input(principal("oncall"), { reason: "C:\\ud800 and \\\\udfff, and 😀" })).allow).toBe(true);
  });

  it("more than 32 KiB are too large", () => {
    const groups = Array.from({ length: 256 }, (_, i) => `https://idp.example#${"g".repeat(108)}${i}`);
    expect(pdp.decide(input(principal("oncall", { groups: groups.slice(0, 200) }))).allow).toBe(true);
    expect(pdp.decide(input(principal("oncall", { groups })))).toMatchObject({
      allow: false,
      reasons: [{ code: "policy-input-too-large" }],
    });
  });

  it("values that are not what the input's schema says deny", () => {
    for (const value of [
      null,
      false,
      0,
      "",
      [],
      "zzz",
      { principal: null },
      { ...honest, credential: { userName: 5 } },
    ]) {
      expect(decideAny(value)).toMatchObject({ allow: false, reasons: [{ code: "not-permitted" }] });
    }
  });
});

/** Rego for a string of so many million characters, made in one evaluation, of which only the length comes out. */
function megabytes(count: number): string {
  return `count(concat("", [s | some i in numbers.range(1, ${count * 50}); s := "${"x".repeat(20_000)}"])) > 0`;
}

async function collectGarbage(): Promise<void> {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  if (typeof collect !== "function") throw new Error("there is no way to collect garbage");
  for (let round = 0; round < 3; round++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function cyclic(): object {
  const groups: unknown[] = [];
  groups.push(groups);
  return { ...honest, principal: { ...honest.principal, groups } };
}

describe("what decides is put in place whole, or not at all", () => {
  const shipped = shippedBundle();

  it("nothing is allowed while there is nothing", () => {
    const ruling = new PolicyDecisionPoint().decide(honest);
    expect(ruling).toMatchObject({ allow: false, reasons: [{ code: "policy-unavailable" }], revision: "none" });
  });

  it("a ruling names the revision, the entrypoint and the digest of what decided", () => {
    const { pdp } = pdpWith(shipped, lenientData());
    const { revision, wasmDigest } = shipped;
    expect(pdp.decide(honest)).toMatchObject({ revision, wasmDigest, entrypoint: ENTRYPOINT });
    expect(pdp.revision).toBe(revision);
    expect(wasmDigest).toMatch(/^[0-9a-f]{64}$/);
  });

  it("data is not compiled in: who is suspended in the next data is denied by the same bundle", () => {
    const { pdp } = pdpWith(shipped, lenientData());
    expect(pdp.decide(honest).allow).toBe(true);
    const data = structuredClone(lenientData()) as { site: { suspended: { principals: Record<string, string> } } };
    data.site.suspended.principals["sandbox oncall"] = "on leave";
    pdp.activate(shipped, data);
    expect(pdp.decide(honest)).toMatchObject({ allow: false, reasons: [{ code: "principal-suspended" }] });
  });

  const refused: readonly [what: string, rego: string][] = [
    ["allows everything", 'decision := {"allow": true, "reasons": [], "obligations": []}'],
    ["has no decision on nobody's request", 'decision := {"allow": true, "reasons": [], "obligations": []} if input.x'],
    ["answers nobody's request with false", "decision := false"],
    ["throws on nobody's request", 'decision := {"allow": time.clock(input.context.time.epochMs)[0] > 0}'],
  ];

  it.each(refused)("a bundle that %s is refused, and the one before stays", (_, rego) => {
    const { pdp } = pdpWith(shipped, lenientData());
    expect(() => pdp.activate(compileRego(rego), {})).toThrow(/The policies test do not work/);
    expect(pdp.revision).toBe(shipped.revision);
    expect(pdp.decide(honest).allow).toBe(true);
  });

  it("a bundle that takes longer than 50 ms for a decision is refused", () => {
    let ms = 0;
    const pdp = new PolicyDecisionPoint({ now: () => (ms += 51) });
    expect(() => pdp.activate(shipped, lenientData())).toThrow(/takes longer than 50 ms/);
  });

  it("a single decision that takes longer than 50 ms is reported and stands", () => {
    let ms = 0;
    let step = 0;
    const slow: string[] = [];
    const pdp = new PolicyDecisionPoint({ now: () => (ms += step), onFault: ({ code }) => slow.push(code) });
    pdp.activate(shipped, lenientData());
    step = 51;
    expect(pdp.decide(honest).allow).toBe(true);
    expect(slow).toEqual(["policy-slow"]);
  });

  it("data that does not fit is refused, and the data before stays", () => {
    const { pdp } = pdpWith(shipped, lenientData());
    expect(() => pdp.activate(shipped, { site: { roles: {} } })).toThrow(/policy data is not what the policies expect/);
    expect(pdp.decide(honest).allow).toBe(true);
  });
});
