import { afterEach, describe, expect, it } from "vitest";
import type { Bundle } from "../../src/policy/bundle.ts";
import { type Gateway, startGateway } from "../fixture/gateway.ts";
import { compileRego, pdpWith } from "../policy/policies.ts";
import { bundleAnswering } from "../policy/wasm-double.ts";

/** Proper answers to the bundle's own try-out and to the sandbox's admin; a test says what it does on all others. */
const HONEST = `
honest if input.principal.id == "admin"
nobody if input.principal.issuer != "sandbox"
hostile if { not honest; not nobody }
decision := {"allow": true, "reasons": [{"code": "honest", "message": "Honest."}], "obligations": []} if honest
decision := {"allow": false, "reasons": [{"code": "nobody", "message": "Nobody."}], "obligations": []} if nobody
`;
const REASONS = '"reasons": [{"code": "a", "message": "A."}]';
const allowing = '{"allow":true,"reasons":[{"code":"a","message":"A."}],"obligations":[]}';
const conflict = 'decision := {"allow": true} if hostile\ndecision := {"allow": false} if hostile';
const off = {
  credential: { type: "signing-certificate", id: "TA7SMP42TDN5Z26OBPJE7EXAMPLE", userName: "Bob" },
  status: "Inactive",
};

let gateway: Gateway;
afterEach(() => gateway.close());

/** How often a hostile decision is a 403 on record of which IAM hears nothing. */
async function denied(bundle: Bundle, times: number, body: object = off): Promise<number> {
  gateway = await startGateway({ pdp: pdpWith(bundle).pdp });
  let count = 0;
  for (let round = 0; round < times; round += 1) {
    const { status, json } = await gateway.request("POST", "/v1/status-changes", { body });
    const { statusChange, decision } = json as { statusChange: string; decision: { allow: boolean } };
    const records = await gateway.journal.recordsOf(statusChange);
    if (status === 403 && decision.allow === false && records.length === 1) count += 1;
  }
  expect(gateway.standIn.journal.entries()).toEqual([]);
  return count;
}

const honestOne = () => gateway.request("POST", "/v1/status-changes", { body: off, as: "admin" });

describe("a bundle that does not answer as it should changes nothing, and the next honest request works", () => {
  it.each([
    ["undefined", ""],
    ['"true"', 'decision := "true" if hostile'],
    ['an allow that is "true"', `decision := {"allow": "true", ${REASONS}, "obligations": []} if hostile`],
    ["a throw", `decision := {"allow": time.clock(input.context.time.epochMs)[0] >= 0} if hostile`],
    ["an unknown obligation", `decision := {"allow": true, ${REASONS}, "obligations": ["call-home"]} if hostile`],
  ])("%s", async (_, rego) => {
    expect(await denied(compileRego(HONEST + rego), 3)).toBe(3);
    expect((await honestOne()).status).toBe(201);
  });

  it("a conflict, 600 times in a row", async () => {
    expect(await denied(compileRego(HONEST + conflict), 600)).toBe(600);
    expect((await honestOne()).status).toBe(201);
  });

  it("two results, which no Rego compiles to", async () => {
    const twice = bundleAnswering(`[{"result":${allowing}},{"result":${allowing}}]`, 800);
    expect(await denied(twice, 3, { ...off, reason: "long ".repeat(100) })).toBe(3);
  });
});
