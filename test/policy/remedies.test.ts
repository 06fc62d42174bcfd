import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Principal } from "../../src/authn/principal.ts";
import type { ChangeRequest } from "../../src/changes/build.ts";
import { REMEDIES_ENTRYPOINT } from "../../src/policy/bundle.ts";
import { Evaluator, jsonBytes } from "../../src/policy/evaluator.ts";
import type { Facts } from "../../src/policy/facts.ts";
import type { PolicyInput } from "../../src/policy/input.ts";
import { type Need, readRemedies } from "../../src/policy/remedy.ts";
import { readResult } from "../../src/policy/result.ts";
import { ordinaryFacts } from "../fixture/facts.ts";
import { sandboxData, shippedBundle } from "./policies.ts";
import { input } from "./requests.ts";

const bundle = shippedBundle();
const { site } = JSON.parse(JSON.stringify(sandboxData()));
const evaluator = new Evaluator(bundle, { site });

function told(asked: PolicyInput) {
  const remedies = readRemedies(evaluator.evaluate(jsonBytes(JSON.stringify(asked)), REMEDIES_ENTRYPOINT));
  if (remedies === undefined) throw new Error("the remedies are malformed");
  return remedies;
}

/** `open`: facts are asked for that the input does not hold. */
function outcome(asked: PolicyInput, by: Evaluator): "allowed" | "denied" | "open" {
  const result = readResult(by.evaluate(jsonBytes(JSON.stringify(asked))));
  if (result.kind !== "answer") throw new Error(`the decision is ${result.kind}`);
  if (result.allow) return "allowed";
  return result.needs.length > 0 ? "open" : "denied";
}

const withRoles = new Map<string, Evaluator>();

/** Really does what is needed: the ticket and the person come with the request, the role is given in the site's data. */
function outcomeWith(asked: PolicyInput, needs: readonly Need[]): ReturnType<typeof outcome> {
  const kinds = needs.map(({ kind }) => kind);
  const { change } = asked;
  const request: PolicyInput = {
    ...asked,
    ...(kinds.includes("on-behalf-of") && { onBehalfOf: { id: "pat" } }),
    ...(change && kinds.includes("ticket") && { change: { ...change, ticket: { id: "OPS-77", verified: false } } }),
  };
  const key = `${asked.principal.issuer} ${asked.principal.id}`;
  const roles = needs.flatMap((need) => (need.kind === "role" ? [need.role] : []));
  const name = JSON.stringify([key, roles]);
  const given = { ...site.roles.principals, [key]: [...(site.roles.principals[key] ?? []), ...roles] };
  const by =
    withRoles.get(name) ?? new Evaluator(bundle, { site: { ...site, roles: { ...site.roles, principals: given } } });
  withRoles.set(name, by);
  return outcome(request, by);
}

const ROLES: readonly string[] = JSON.parse(readFileSync("policies/schemas/site.json", "utf8")).properties.roles
  .properties.principals.additionalProperties.items.enum;
const FOR_INTEGRATIONS = ["chatops", "ticketing"];
const givenByTheCaller: readonly (readonly Need[])[] = [
  [],
  [{ kind: "ticket" }],
  [{ kind: "on-behalf-of" }],
  [{ kind: "ticket" }, { kind: "on-behalf-of" }],
];

/** Every set of needs that could be thought of, of which people are given no role of an integration. */
function thinkable({ principal, onBehalfOf }: PolicyInput): readonly (readonly Need[])[] {
  const roles = ROLES.filter((role) => principal.kind !== "human" || !FOR_INTEGRATIONS.includes(role));
  return [[], ...roles.map((role): readonly Need[] => [{ kind: "role", role }])]
    .flatMap((role) => givenByTheCaller.map((given) => [...role, ...given]))
    .filter((needs) => needs.length > 0)
    .filter((needs) => onBehalfOf === undefined || !needs.some(({ kind }) => kind === "on-behalf-of"));
}

const isPart = (part: readonly Need[], whole: readonly Need[]) =>
  part.every((need) => whole.some((other) => JSON.stringify(other) === JSON.stringify(need)));

/** @returns 1 if it was denied */
function assertTrue(asked: PolicyInput): number {
  if (outcome(asked, evaluator) !== "denied") return 0;
  const remedies = told(asked);
  for (const { needs, certain } of remedies) {
    const name = JSON.stringify(needs);
    expect(outcomeWith(asked, needs), name).toBe(certain ? "allowed" : "open");
    const known = { ...asked, facts: { ...ordinaryFacts, ...asked.facts } };
    if (!certain) expect(outcomeWith(known, needs), `${name} may be enough`).toBe("allowed");
    for (const left of needs) {
      const fewer = needs.filter((need) => need !== left);
      if (fewer.length === 0) continue;
      const result = outcomeWith(asked, fewer);
      expect(result, `${JSON.stringify(left)} is needed`).not.toBe("allowed");
      if (!certain) expect(result, `${JSON.stringify(left)} is needed`).toBe("denied");
    }
  }
  for (const needs of thinkable(asked)) {
    const result = outcomeWith(asked, needs);
    if (result === "denied") continue;
    const isTold = remedies.some((remedy) => isPart(remedy.needs, needs) && (remedy.certain || result === "open"));
    expect(isTold, `${JSON.stringify(needs)} is told, or a part of it`).toBe(true);
  }
  return 1;
}

const someFacts: readonly (Facts | undefined)[] = [
  undefined,
  ordinaryFacts,
  { ...ordinaryFacts, siblings: [] },
  { user: { ...ordinaryFacts.user, tags: { tier: "0" } } },
  { siblings: null, user: null, unavailable: { siblings: "unavailable", user: "refused" } },
];

function assertTrueWhateverIsKnown(asked: PolicyInput): number {
  return someFacts
    .map((facts) => assertTrue({ ...asked, ...(facts && { facts }) }))
    .reduce((one, other) => one + other);
}

interface Cases {
  readonly principals: Readonly<Record<string, { readonly principal: Principal }>>;
  readonly cases: readonly { readonly name: string; readonly principal: string; readonly body?: ChangeRequest }[];
}
const { principals, cases }: Cases = JSON.parse(readFileSync("test/policy/cases.json", "utf8"));

describe("what would be needed", () => {
  it("is enough, all of it is needed, and nothing that would do is left out: the table of decisions", () => {
    let denied = 0;
    for (const { principal: who, body } of cases) {
      const principal = principals[who]?.principal;
      if (principal !== undefined && body !== undefined)
        denied += assertTrueWhateverIsKnown(input({ ...principal }, body));
    }
    expect(denied).toBeGreaterThan(20);
  });

  it("is so for whatever is asked", () => {
    let denied = 0;
    const person = fc.record({
      id: fc.constantFrom("oncall", "viewer", "chatops", "ticketing", "auditor", "mallory", "stranger"),
      issuer: fc.constant("sandbox"),
      kind: fc.constantFrom("human", "service", "bot"),
      userName: fc.constantFrom("Bob", "pat"),
      groups: fc.constantFrom([], ["sandbox#sre"]),
      authn: fc.constant("sandbox-token"),
    } as const);
    const asked = fc.record(
      {
        userName: fc.constantFrom("Bob", "BREAK-glass", "lockkeeper"),
        status: fc.constantFrom("Active", "Inactive"),
        ticket: fc.constantFrom("SEC-1", "urgent"),
        onBehalfOf: fc.constantFrom("sofia", "mallory"),
      } as const,
      { requiredKeys: ["userName", "status"] },
    );
    fc.assert(
      fc.property(person, asked, (principal, { userName, ...request }) => {
        const credential = { type: "access-key", id: "AKIAIOSFODNN7EXAMPLE", userName } as const;
        denied += assertTrueWhateverIsKnown(input({ ...principal }, { credential, ...request }));
      }),
      { numRuns: 300 },
    );
    expect(denied).toBeGreaterThan(100);
  });

  it("tries every role that the site's data can give", () => {
    const look = {
      ...input({ ...principals["viewer"]?.principal, id: "stranger" } as Principal),
      action: "lockkeeper:ReadAudit",
    };
    expect(told(look).flatMap(({ needs }) => needs)).toEqual([
      { kind: "role", role: "admin" },
      { kind: "role", role: "auditor" },
    ]);
    const integration = {
      ...look,
      action: "lockkeeper:ListCredentials",
      principal: { ...look.principal, kind: "bot" as const },
    };
    const roles = told(integration).flatMap(({ needs }) => needs.map((need) => ("role" in need ? need.role : "")));
    expect(roles.sort()).toEqual(ROLES.filter((role) => role !== "auditor").sort());
  });

  it("names nobody and no other role than what the policies know", () => {
    for (const { principal: who, body } of cases) {
      const principal = principals[who]?.principal;
      if (principal === undefined || body === undefined) continue;
      const text = JSON.stringify(told(input({ ...principal }, body)));
      for (const secret of ["mallory", "break-glass", "sandbox", "sofia"]) expect(text).not.toContain(secret);
    }
  });
});

describe("remedies out of a bundle", () => {
  const ticket = { needs: [{ kind: "ticket" }], certain: true, message: "With a ticket." };
  const role = { needs: [{ role: "oncall", kind: "role" }], certain: true, message: "A role." };

  it("come with the smallest first, then what the caller can do, then the surest", () => {
    const maybe = { ...ticket, certain: false, message: "Perhaps." };
    const both = { needs: [...role.needs, ...ticket.needs], certain: true, message: "Both." };
    expect(readRemedies([{ result: [maybe, both, role, ticket] }])).toEqual([ticket, maybe, role, both]);
  });

  it.each<[string, unknown]>([
    ["no result", []],
    ["two results", [{ result: [] }, { result: [] }]],
    ["something beside the result", [{ result: [], more: 1 }]],
    ["an object", [{ result: {} }]],
    ["33 of them", [{ result: Array(33).fill(ticket) }]],
    ["text", [{ result: ["a ticket"] }]],
    ["none of its needs", [{ result: [{ ...ticket, needs: [] }] }]],
    ["nine needs", [{ result: [{ ...ticket, needs: Array(9).fill(ticket.needs[0]) }] }]],
    ["a need of another kind", [{ result: [{ ...ticket, needs: [{ kind: "money" }] }] }]],
    ["a role without its name", [{ result: [{ ...ticket, needs: [{ kind: "role" }] }] }]],
    ["a role whose name is long", [{ result: [{ ...ticket, needs: [{ kind: "role", role: "a".repeat(65) }] }] }]],
    ["a ticket with a role", [{ result: [{ ...ticket, needs: [{ kind: "ticket", role: "oncall" }] }] }]],
    ["a certainty that is text", [{ result: [{ ...ticket, certain: "true" }] }]],
    ["no certainty", [{ result: [{ needs: ticket.needs, message: "With a ticket." }] }]],
    ["no message", [{ result: [{ ...ticket, message: "" }] }]],
    ["a long message", [{ result: [{ ...ticket, message: "a".repeat(513) }] }]],
    ["an unknown field", [{ result: [{ ...ticket, allow: true }] }]],
  ])("are not taken with %s", (_, resultSet) => {
    expect(readRemedies(resultSet)).toBeUndefined();
  });
});
