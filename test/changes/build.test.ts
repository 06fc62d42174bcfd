import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Principal } from "../../src/authn/principal.ts";
import { buildChange, type ChangeRequest, changeRequestHash } from "../../src/changes/build.ts";
import type { RequestContext } from "../../src/changes/change.ts";
import { credentialTypeNames, credentialTypes } from "../../src/changes/credential.ts";

const account = "123456789012";
const oncall: Principal = { id: "oncall", issuer: "sandbox", kind: "human", groups: ["a#b"], authn: "sandbox-token" };
const sofia: Principal = { ...oncall, id: "sofia", userName: "sofia" };
const context: RequestContext = { receivedAt: 1_000, sourceIp: "127.0.0.1", channel: "rest", requestId: "r" };
const request: ChangeRequest = {
  credential: { type: "access-key", id: "AKIAIOSFODNN7EXAMPLE", userName: "Bob" },
  status: "Inactive",
};

const build = (parts: Partial<ChangeRequest> = {}, principal = oncall) =>
  buildChange({ ...request, ...parts }, principal, context, account);

function isFrozen(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  return Object.isFrozen(value) && Object.values(value).every(isFrozen);
}

describe("a change", () => {
  it("is frozen through and through", () => {
    expect(isFrozen(build({ reason: "r", ticket: "SEC-1", onBehalfOf: "ann" }))).toBe(true);
  });

  it("holds what was asked, the configured account and the action of its type", () => {
    expect(build({ reason: "leaked", ticket: "SEC-1", onBehalfOf: "ann" })).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab]/),
      action: "iam:UpdateAccessKey",
      principal: oncall,
      credential: { type: "access-key", id: "AKIAIOSFODNN7EXAMPLE", userName: "Bob", account },
      status: "Inactive",
      reason: "leaked",
      ticket: { id: "SEC-1", verified: false },
      onBehalfOf: { id: "ann" },
      context,
    });
  });

  it("has no member for what was not said", () => {
    expect(Object.keys(build())).toEqual(["id", "action", "principal", "credential", "status", "context"]);
  });

  it.each(credentialTypeNames)("of a %s has the action of the table", (type) => {
    expect(build({ credential: { ...request.credential, type } }).action).toBe(credentialTypes[type].updateAction);
  });

  it("takes the configured account when it is named, and no other", () => {
    expect(build({ credential: { ...request.credential, account } }).credential.account).toBe(account);
    expect(() => build({ credential: { ...request.credential, account: "999999999999" } })).toThrow(
      expect.objectContaining({
        code: "unknown-account",
        details: { faults: [expect.objectContaining({ at: "/credential/account" })] },
      }),
    );
  });
});

describe("a user name that is left out", () => {
  const withoutUserName = { credential: { type: "access-key", id: "AKIAIOSFODNN7EXAMPLE" } } as const;

  it("is the principal's own", () => {
    expect(build(withoutUserName, sofia).credential.userName).toBe("sofia");
  });

  it("is missed when the principal has none, and the error says what to do", () => {
    expect(() => build(withoutUserName)).toThrow(
      expect.objectContaining({
        code: "user-name-required",
        message: expect.stringContaining("credential.userName"),
        details: { faults: [expect.objectContaining({ at: "/credential/userName" })] },
      }),
    );
  });

  it("does not take the place of one that is there", () => {
    expect(build({}, sofia).credential.userName).toBe("Bob");
  });

  it.each([
    ["ssh-public-key", 64],
    ["service-specific-credential", 64],
    ["signing-certificate", 128],
    ["access-key", 128],
  ] as const)("is held to the length of a %s, although no schema has seen it", (type, max) => {
    const credential = { type, id: "A".repeat(24) };
    const named = (length: number): Principal => ({ ...sofia, userName: "u".repeat(length) });
    expect(build({ credential }, named(max)).credential.userName).toHaveLength(max);
    expect(() => build({ credential }, named(max + 1))).toThrow(expect.objectContaining({ code: "malformed-request" }));
  });
});

describe("the hash of what a change asks for", () => {
  const optionalText = fc.option(fc.constantFrom("a", "b", "", "SEC-1"), { nil: undefined });
  const requests = fc.record({
    credential: fc.record({
      type: fc.constantFrom(...credentialTypeNames),
      id: fc.constantFrom("A", "B"),
      userName: fc.constantFrom("Bob", "sofia"),
    }),
    status: fc.constantFrom("Active", "Inactive"),
    reason: optionalText,
    ticket: optionalText,
    onBehalfOf: optionalText,
  });
  const defined = (parts: object) =>
    Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined)) as unknown as ChangeRequest;

  it("is the same for the same, and another for anything else", () => {
    fc.assert(
      fc.property(requests, requests, (a, b) => {
        const hashes = [a, b].map((parts) => changeRequestHash(buildChange(defined(parts), oncall, context, account)));
        const same = JSON.stringify(defined(a)) === JSON.stringify(defined(b));
        return (hashes[0] === hashes[1]) === same;
      }),
    );
  });

  it("is the same whether the principal's own user name is said or left out", () => {
    const credential = { type: "access-key", id: "AKIAIOSFODNN7EXAMPLE" } as const;
    expect(changeRequestHash(build({ credential }, sofia))).toBe(
      changeRequestHash(build({ credential: { ...credential, userName: "sofia" } }, sofia)),
    );
  });
});
