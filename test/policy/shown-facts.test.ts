import { describe, expect, it } from "vitest";
import type { Principal } from "../../src/authn/principal.ts";
import type { Facts } from "../../src/policy/facts.ts";
import type { PolicyInput } from "../../src/policy/input.ts";
import { shownFacts } from "../../src/policy/shown-facts.ts";
import { ordinaryFacts } from "../fixture/facts.ts";
import { pdpWith, sandboxData, shippedBundle } from "./policies.ts";
import { input, principal } from "./requests.ts";

const { pdp } = pdpWith(shippedBundle(), sandboxData());
const { siblings, user } = ordinaryFacts;
const facts: Facts = { siblings, user };
const seenBy = (who: Principal, seen: Facts | undefined) =>
  shownFacts(pdp, { ...input(who), ...(seen && { facts: seen }) });

describe("the facts of a decision", () => {
  it("are shown to who may look them up", () => {
    expect(seenBy(principal("viewer"), facts)).toEqual({ facts, withheld: [] });
    expect(seenBy(principal("bob", { userName: "BOB" }), facts)).toEqual({ facts, withheld: [] });
  });

  it("are withheld from everybody else, with the reasons why some could not be had", () => {
    const unavailable = { credential: "not-found" } as const;
    for (const who of [principal("stranger"), principal("auditor"), principal("mallory", { userName: "Bob" })]) {
      expect(seenBy(who, { ...facts, credential: null, unavailable })).toEqual({
        facts: undefined,
        withheld: ["credential", "siblings", "user"],
      });
    }
  });

  it("say why one could not be had", () => {
    const seen: Facts = { user: null, unavailable: { user: "refused" } };
    expect(seenBy(principal("viewer"), seen)).toEqual({ facts: seen, withheld: [] });
  });

  it("are shown one by one, where only some of them may be looked up", () => {
    const userOnly = {
      decide: (asked: PolicyInput) => ({ ...pdp.decide(asked), allow: asked.action === "iam:GetUser" }),
    };
    const seen: Facts = { ...facts, unavailable: { siblings: "refused", user: "refused" } };
    expect(shownFacts(userOnly, { ...input(principal("viewer")), facts: seen })).toEqual({
      facts: { user, unavailable: { user: "refused" } },
      withheld: ["siblings"],
    });
  });

  it("are none where the decision needed none", () => {
    expect(seenBy(principal("viewer"), undefined)).toEqual({ facts: undefined, withheld: [] });
    expect(seenBy(principal("viewer"), {})).toEqual({ facts: undefined, withheld: [] });
  });
});
