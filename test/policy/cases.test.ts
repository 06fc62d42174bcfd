import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Principal } from "../../src/authn/principal.ts";
import type { ChangeRequest } from "../../src/changes/build.ts";
import { loadData } from "../../src/policy/data.ts";
import type { Ruling } from "../../src/policy/decision.ts";
import type { Facts } from "../../src/policy/facts.ts";
import { type ReadRequest, readInput } from "../../src/policy/input.ts";
import { pdpWith, sandboxData, shippedBundle } from "./policies.ts";
import { context, input, time } from "./requests.ts";

interface Cases {
  readonly principals: Readonly<Record<string, { readonly principal: Principal }>>;
  /** By the user's name in lower case, else `ordinary`. */
  readonly facts: Readonly<Record<string, Facts>>;
  readonly cases: readonly {
    readonly name: string;
    readonly principal: string;
    readonly body?: ChangeRequest;
    readonly read?: Omit<ReadRequest, "principal" | "context">;
    readonly expected: { readonly allow: boolean; readonly codes: readonly string[] };
  }[];
}

const { principals, facts: factsOf, cases }: Cases = JSON.parse(readFileSync("test/policy/cases.json", "utf8"));
const { pdp, faults } = pdpWith(shippedBundle(), sandboxData());

/** What the PEP would look up for it. */
function needed({ needs }: Ruling, facts: Facts | undefined): Facts {
  return Object.fromEntries(needs.map((name) => [name, facts?.[name] ?? null]));
}

describe("the shipped policies with the sandbox's data", () => {
  it.each(cases)("$name", ({ principal: who, body, read, expected }) => {
    const principal = principals[who]?.principal;
    if (principal === undefined) throw new Error(`cases.json knows no principal ${who}`);
    const asked = read ? readInput({ ...read, principal, context }, time) : input({ ...principal }, body);
    const first = pdp.decide(asked);
    const facts = factsOf[body?.credential.userName?.toLowerCase() ?? ""] ?? factsOf["ordinary"];
    const { allow, reasons } = first.needs.length === 0 ? first : pdp.decide({ ...asked, facts: needed(first, facts) });
    expect({ allow, codes: reasons.map(({ code }) => code) }).toEqual(expected);
    for (const { code, message } of reasons) expect(message, "a sentence for people").not.toBe(code);
    // A busy machine can make any decision slow.
    expect(faults.filter((fault) => fault.code !== "policy-slow")).toEqual([]);
  });

  it("are put to at least 60 cases", () => {
    expect(cases.length).toBeGreaterThanOrEqual(60);
  });

  it("grant no role to anybody with the data that production ships", () => {
    const production = pdpWith(shippedBundle(), loadData("policies/data.json")).pdp;
    for (const { principal } of Object.values(principals)) {
      for (const status of ["Active", "Inactive"] as const) {
        const asked = input({ ...principal }, { status, ticket: "SEC-123", onBehalfOf: "sofia" });
        const own = principal.userName === "Bob" && principal.kind === "human" && status === "Inactive";
        const first = production.decide(asked);
        const facts = needed(first, factsOf["ordinary"]);
        expect(production.decide({ ...asked, facts }).allow, `${principal.id} ${status}`).toBe(own);
      }
    }
  });
});
