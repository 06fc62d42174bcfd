import { afterEach, describe, expect, it } from "vitest";
import type { Bundle } from "../../src/policy/bundle.ts";
import { type Gateway, startGateway } from "../fixture/gateway.ts";
import { compileRego, pdpWith } from "../policy/policies.ts";
import { bundleAnswering, bundleTrapping } from "../policy/wasm-double.ts";

/** Proper answers to the bundle's own try-out and to the sandbox's admin; a test says what it does on all others. */
const HONEST = `
honest if input.principal.id == "admin"
nobody if input.principal.issuer != "sandbox"
hostile if { not honest; not nobody }
decision := {"allow": true, "reasons": [{"code": "honest", "message": "Honest."}], "obligations": []} if honest
decision := {"allow": false, "reasons": [{"code": "nobody", "message": "Nobody."}], "obligations": []} if nobody
`;
const answering = (allow: string, obligations = "[]") =>
  `decision := {${allow}, "reasons": [{"code": "a", "message": "A."}], "obligations": ${obligations}} if hostile`;
const MISSING_BUILTIN = "time.clock(input.context.time.epochMs)[0] >= 0";
/** 300 MB of text, made in one evaluation. */
const OUT_OF_MEMORY = `count(concat("", [s | some i in numbers.range(1, 15000); s := "${"x".repeat(20_000)}"])) > 0`;
const allowing = '{"allow":true,"reasons":[{"code":"a","message":"A."}],"obligations":[]}';
const conflict = 'decision := {"allow": true} if hostile\ndecision := {"allow": false} if hostile';
const off = {
  credential: { type: "signing-certificate", id: "TA7SMP42TDN5Z26OBPJE7EXAMPLE", userName: "Bob" },
  status: "Inactive",
};

let gateway: Gateway;
afterEach(() => gateway.close());

/** How often a hostile decision is a 403 for that reason, on record, of which IAM hears nothing. */
async function denied(bundle: Bundle, code: string, times: number, body: object = off): Promise<number> {
  gateway = await startGateway({ pdp: pdpWith(bundle).pdp });
  let count = 0;
  for (let round = 0; round < times; round += 1) {
    const { status, json } = await gateway.request("POST", "/v1/status-changes", { body });
    const { statusChange, decision } = json as Denied;
    const records = await gateway.journal.recordsOf(statusChange);
    const { status_code, unmapped } = JSON.parse(records[0]?.body ?? "{}");
    const codes = [decision, unmapped?.decision].map((each) => each?.reasons?.[0]?.code);
    const isRecorded = records.length === 1 && status_code === code && unmapped.decision.allow === false;
    if (status === 403 && !decision.allow && isRecorded && codes.every((each) => each === code)) count += 1;
  }
  expect(gateway.standIn.journal.entries()).toEqual([]);
  return count;
}

interface Denied {
  readonly statusChange: string;
  readonly decision: { readonly allow: boolean; readonly reasons: readonly { readonly code: string }[] };
}

const honestOne = () => gateway.request("POST", "/v1/status-changes", { body: off, as: "admin" });

describe("a bundle that does not answer as it should changes nothing, and the next honest request works", () => {
  it.each([
    ["undefined", "", "policy-undefined"],
    ['"true"', 'decision := "true" if hostile', "policy-malformed"],
    ['an allow that is "true"', answering('"allow": "true"'), "policy-malformed"],
    ["a built-in that WebAssembly lacks", answering(`"allow": ${MISSING_BUILTIN}`), "policy-error"],
    ["more memory than it may have", answering(`"allow": ${OUT_OF_MEMORY}`), "policy-error"],
    ["an unknown obligation", answering('"allow": true', '["call-home"]'), "policy-obligation-unknown"],
  ])("%s", async (_, rego, code) => {
    expect(await denied(compileRego(HONEST + rego), code, 3)).toBe(3);
    expect((await honestOne()).status).toBe(201);
  });

  it("a conflict, 600 times in a row", async () => {
    expect(await denied(compileRego(HONEST + conflict), "policy-error", 600)).toBe(600);
    expect((await honestOne()).status).toBe(201);
  });

  const long = { ...off, reason: "long ".repeat(100) };
  const SHORT = 800;

  it("two results, which no Rego compiles to", async () => {
    const twice = bundleAnswering(`[{"result":${allowing}},{"result":${allowing}}]`, SHORT);
    expect(await denied(twice, "policy-malformed", 3, long)).toBe(3);
  });

  it.each(["unreachable", "a division by zero", "memory that is not there", "no end of recursion"] as const)(
    "a trap: %s",
    async (trap) => {
      expect(await denied(bundleTrapping(trap, SHORT), "policy-error", 3, long)).toBe(3);
      const { status, json } = await gateway.request("POST", "/v1/status-changes", { body: off });
      expect([status, (json as Denied).decision.reasons]).toEqual([403, [{ code: "short-input", message: "Denied." }]]);
    },
  );
});
