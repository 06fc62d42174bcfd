import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { buildBundle } from "../../scripts/build-policies.mjs";
import type { Principal } from "../../src/authn/principal.ts";
import type { ChangeRequest } from "../../src/changes/build.ts";
import { type Bundle, loadBundle } from "../../src/policy/bundle.ts";
import { explainRuling } from "../../src/policy/explain.ts";
import type { Facts } from "../../src/policy/facts.ts";
import { type PolicyInput, type ReadRequest, readInput } from "../../src/policy/input.ts";
import { ownUserDenial } from "../../src/policy/own-user.ts";
import { PolicyDecisionPoint } from "../../src/policy/pdp.ts";
import { ordinaryFacts } from "../fixture/facts.ts";
import { compileRego, pdpWith, sandboxData, shippedBundle } from "./policies.ts";
import { ACCOUNT, context, input, principal, time } from "./requests.ts";

const shipped = shippedBundle();
const viewers = input(principal("viewer"));

interface Cases {
  readonly principals: Readonly<Record<string, { readonly principal: Principal }>>;
  readonly cases: readonly {
    readonly principal: string;
    readonly body?: ChangeRequest;
    readonly read?: Omit<ReadRequest, "principal" | "context">;
  }[];
}
const { principals, cases }: Cases = JSON.parse(readFileSync("test/policy/cases.json", "utf8"));

const someFacts: readonly Facts[] = [
  ordinaryFacts,
  { siblings: [], user: { ...ordinaryFacts.user, tags: { tier: "0" } } },
  { siblings: null, user: null, unavailable: { siblings: "unavailable", user: "refused" } },
];

/** Every input of the table, and every look with every role. */
function* inputs(): Generator<PolicyInput> {
  for (const { principal: who, body, read } of cases) {
    const known = principals[who]?.principal;
    if (known === undefined) continue;
    const asked = read ? readInput({ ...read, principal: known, context }, time) : input({ ...known }, body);
    yield asked;
    if (asked.change !== undefined) for (const facts of someFacts) yield { ...asked, facts };
  }
  const actions = ["lockkeeper:ListCredentials", "lockkeeper:ReadAudit", "lockkeeper:SearchStatusChanges"] as const;
  for (const { principal: known } of Object.values(principals)) {
    for (const action of actions) {
      yield readInput({ action, principal: known, credential: { userName: "Bob", account: ACCOUNT }, context }, time);
    }
  }
}

describe("the rule of a reason", () => {
  it("is known of every reason that the shipped policies give, by its name and the line where it begins", () => {
    const { pdp } = pdpWith(shipped, sandboxData());
    const codes = new Set<string>();
    for (const asked of inputs()) {
      for (const { code, source, rules } of pdp.explain(asked, pdp.decide(asked)).reasons) {
        codes.add(code);
        expect({ code, source, rules: rules.length }).toEqual({ code, source: "policy", rules: 1 });
        for (const { rule, file, line } of rules) {
          const text = readFileSync(join("policies", file), "utf8").split("\n");
          const path = rule.split(".");
          expect(text.find((each) => each.startsWith("package "))).toBe(`package ${path.slice(1, -1).join(".")}`);
          expect(text[line - 1]).toMatch(new RegExp(`^((default )?${path.at(-1)} |} else := )`));
          if (!code.endsWith("-may-look")) expect(text.slice(line - 1, line + 3).join("\n")).toContain(`"${code}"`);
        }
      }
    }
    // With data of another shape this would be told; data of another shape is not loaded.
    expect(new Set([...codes, "site-data-missing"])).toEqual(new Set(shipped.reasonRules?.keys()));
  });

  it("is unknown where the bundle does not say, and nobody's of what the gateway itself says", () => {
    const bundle = compileRego(`
      decision := {"allow": true, "reasons": [{"code": "a", "message": "A."}], "obligations": ["call-home"]} if {
        input.principal.id == "oncall"
      } else := {"allow": false, "reasons": [{"code": "b", "message": "B."}], "obligations": []}`);
    const { pdp } = pdpWith(bundle);
    const oncalls = input(principal("oncall"));
    expect(pdp.explain(viewers, pdp.decide(viewers))).toEqual({
      reasons: [{ code: "b", message: "B.", source: "policy", rules: [] }],
      remedies: undefined,
    });
    expect(pdp.explain(oncalls, pdp.decide(oncalls))).toMatchObject({
      reasons: [{ code: "policy-obligation-unknown", source: "gateway", rules: [] }],
      remedies: undefined,
    });
  });

  it("is the gateway's own where no policies are active, and for its own user, whatever policies say", () => {
    const pdp = new PolicyDecisionPoint();
    expect(pdp.explain(viewers, pdp.decide(viewers)).reasons).toMatchObject([
      { code: "policy-unavailable", source: "gateway" },
    ]);
    const active = pdpWith(shipped, sandboxData()).pdp;
    // Policy would take a ticket.
    const own = input(principal("oncall"), { status: "Active" });
    const ruling = ownUserDenial(active.decide(own));
    expect(explainRuling({ pdp: active, ownUserNames: ["BOB"] }, own, ruling)).toMatchObject({
      reasons: [
        { code: "gateway-own-user", source: "gateway", rules: [] },
        { code: "ticket-required", source: "policy", rules: [{ rule: "data.lockkeeper.changes.missing" }] },
      ],
      remedies: [],
    });
  });
});

describe("what would be needed", () => {
  it("is told of a denial, and not of an allow", () => {
    const { pdp } = pdpWith(shipped, sandboxData());
    const oncalls = { ...input(principal("oncall")), facts: ordinaryFacts };
    expect(pdp.decide(oncalls).allow).toBe(true);
    expect(pdp.explain(viewers, pdp.decide(viewers)).remedies).toHaveLength(2);
    expect(pdp.explain(oncalls, pdp.decide(oncalls)).remedies).toBeUndefined();
  });

  it("is not told of a ruling that other policies have made", () => {
    const { pdp } = pdpWith(shipped, sandboxData());
    const ruling = pdp.decide(viewers);
    pdp.activate(
      bundleWith('answer contains {"needs": [{"kind": "ticket"}], "certain": true, "message": "Other."}'),
      {},
    );
    expect(pdp.explain(viewers, ruling)).toMatchObject({ reasons: [{ rules: [] }], remedies: undefined });
  });

  it.each([
    ["conflict", 'answer := true if input.principal.id == "viewer"\nanswer := false if input.principal.id == "viewer"'],
    ["are malformed", "answer := true"],
    ["are undefined", 'answer := true if input.principal.id == "nobody-at-all"'],
    [
      "are too many",
      'answer contains {"needs": [{"kind": "role", "role": concat("", ["a", s])}], "certain": true, "message": "M."} if some s in {x | some n in numbers.range(1, 40); x := concat("", [y | some i in numbers.range(1, n); y := "b"])}',
    ],
  ])("is not told by remedies that %s; that is reported, and decisions go on", (_, rego) => {
    const { pdp, faults } = pdpWith(bundleWith(rego));
    for (let round = 0; round < 3; round += 1) {
      const ruling = pdp.decide(viewers);
      expect(pdp.explain(viewers, ruling)).toMatchObject({ reasons: [{ code: "no" }], remedies: undefined });
      expect(pdp.decide(viewers)).toEqual(ruling);
    }
    const codes = faults.map(({ code }) => code).filter((code) => code !== "policy-slow");
    expect(codes).toEqual(Array(3).fill("policy-remedies-unusable"));
  });

  it("is not asked again of what is slow at it, and that is reported", () => {
    let ms = 0;
    let step = 0;
    const slow: string[] = [];
    const pdp = new PolicyDecisionPoint({ now: () => (ms += step), onFault: ({ code }) => slow.push(code) });
    pdp.activate(shipped, sandboxData());
    const ruling = pdp.decide(viewers);
    step = 51;
    expect(pdp.explain(viewers, ruling).remedies).toHaveLength(2);
    expect(slow).toEqual(Array(3).fill("policy-slow"));
    expect(pdp.explain(viewers, ruling).remedies).toBeUndefined();
    expect(slow).toHaveLength(3);
    step = 0;
    pdp.activate(shipped, sandboxData());
    expect(pdp.explain(viewers, pdp.decide(viewers)).remedies).toHaveLength(2);
  });

  it("is not asked of an input that cannot be put before policy", () => {
    const { pdp, faults } = pdpWith(shipped, sandboxData());
    const malformed = input(principal("viewer"), { reason: "\ud800" });
    expect(pdp.explain(malformed, pdp.decide(malformed))).toMatchObject({
      reasons: [{ code: "policy-input-malformed", source: "gateway" }],
      remedies: undefined,
    });
    expect(faults.map(({ code }) => code)).toEqual(["policy-input-malformed"]);
  });
});

/** Policies that deny everything, with these remedies. */
function bundleWith(remedies: string): Bundle {
  const folder = mkdtempSync(join(tmpdir(), "lockkeeper-remedies-"));
  try {
    mkdirSync(join(folder, "lockkeeper", "remedies"), { recursive: true });
    writeFileSync(
      join(folder, "lockkeeper", "decision.rego"),
      'package lockkeeper\n\nimport rego.v1\n\ndecision := {"allow": false, "reasons": [{"code": "no", "message": "No."}], "obligations": []}\n',
    );
    writeFileSync(
      join(folder, "lockkeeper", "remedies", "remedies.rego"),
      `package lockkeeper.remedies\n\nimport rego.v1\n\n${remedies}\n`,
    );
    const output = join(folder, "bundle.tar.gz");
    buildBundle({ policies: folder, output, createdAt: "2026-11-21T09:30:00Z" });
    return loadBundle(output);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
