import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ActiveCredentials } from "../../src/changes/active-credentials.ts";
import { applyChange } from "../../src/changes/apply.ts";
import { authorizeChange } from "../../src/policy/pep.ts";
import { tellingFacts } from "../fixture/facts.ts";
import { type Gateway, startGateway } from "../fixture/gateway.ts";
import { pdpWith, sandboxData, shippedBundle } from "../policy/policies.ts";
import { change, principal, time } from "../policy/requests.ts";

const { pdp } = pdpWith(shippedBundle(), sandboxData());
let gateway: Gateway;
beforeEach(async () => {
  gateway = await startGateway();
});
afterEach(() => gateway.close());

/** Makes an allowed change for a signed request. */
async function apply(digit: string) {
  const { journal, clock, iam } = gateway;
  const pep = {
    pdp,
    ...tellingFacts(journal, clock),
    journal,
    clock,
    time,
    ownUserNames: ["lockkeeper"],
    validForMs: 5_000,
  };
  const authorization = await authorizeChange(pep, change(principal("oncall")));
  if (!authorization.allowed) throw new Error("policy allows on-call to switch off");
  const options = { iam, journal, clock, readDeadlineMs: 2_000, active: new ActiveCredentials() };
  const signature = { digest: digit.repeat(64), expiresAt: clock.now() + 900_000 };
  return applyChange(options, authorization.change, { signature });
}

describe("a signed request", () => {
  it("that comes again sends nothing to IAM, and leads to the change that it made", async () => {
    const first = await apply("a");
    if (first.kind !== "settled") throw new Error(first.kind);
    const { id } = first.state.change;
    const updates = () => gateway.standIn.journal.entries().filter(({ action }) => action.startsWith("Update"));
    expect(updates()).toHaveLength(1);
    expect(await apply("a")).toEqual({ kind: "seen", id, later: false });
    expect(updates()).toHaveLength(1);
    expect(await apply("b")).toMatchObject({ kind: "settled" });
    expect(await apply("a")).toEqual({ kind: "seen", id, later: true });
    expect(updates()).toHaveLength(2);
  });

  it("that failed so that it may be tried again is to be signed anew for that", async () => {
    gateway.standIn.faults.next({ kind: "throttle", action: "UpdateSigningCertificate", times: "always" });
    const first = await apply("a");
    expect(first).toMatchObject({ kind: "settled", state: { outcome: { name: "failed", retryable: true } } });
    gateway.standIn.faults.clear();
    expect(await apply("a")).toMatchObject({ kind: "seen", later: false });
    expect(await apply("b")).toMatchObject({ kind: "settled", state: { outcome: { name: "applied" } } });
  });
});
