import { describe, expect, it } from "vitest";
import type { Principal } from "../../src/authn/principal.ts";
import { shownFacts } from "../../src/policy/shown-facts.ts";
import { pdpWith, sandboxData, shippedBundle } from "./policies.ts";
import { input, principal } from "./requests.ts";

const { pdp } = pdpWith(shippedBundle(), sandboxData());
const facts = { siblings: [{ id: "AKIAIOSFODNN7EXAMPLE" }], user: { tags: { tier: "0" } } };
const seenBy = (who: Principal, seen: object | undefined) =>
  shownFacts(pdp, { ...input(who), ...(seen && { facts: seen }) });

describe("the facts of a decision", () => {
  it("are shown to who may look them up", () => {
    expect(seenBy(principal("viewer"), facts)).toEqual({ facts, withheld: [] });
    expect(seenBy(principal("bob", { userName: "BOB" }), facts)).toEqual({ facts, withheld: [] });
  });

  it("are withheld from everybody else, with the reasons why some could not be had", () => {
    const unavailable = { credential: "not-found" };
    for (const who of [principal("stranger"), principal("auditor"), principal("mallory", { userName: "Bob" })]) {
      expect(seenBy(who, { ...facts, credential: null, unavailable })).toEqual({
        facts: undefined,
        withheld: ["credential", "siblings", "user"],
      });
    }
  });

  it("say why one could not be had", () => {
    const seen = { user: null, unavailable: { user: "refused" } };
    expect(seenBy(principal("viewer"), seen)).toEqual({ facts: seen, withheld: [] });
  });

  it("of a kind that nobody has said who may see are shown to nobody", () => {
    expect(seenBy(principal("admin"), { mailbox: "x", constructor: 1 })).toEqual({
      facts: undefined,
      withheld: ["constructor", "mailbox"],
    });
  });

  it("are none where the decision needed none", () => {
    expect(seenBy(principal("viewer"), undefined)).toEqual({ facts: undefined, withheld: [] });
    expect(seenBy(principal("viewer"), {})).toEqual({ facts: undefined, withheld: [] });
  });
});
