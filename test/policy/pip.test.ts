import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { factNames } from "../../src/policy/facts.ts";
import { createPip } from "../../src/policy/pip.ts";
import type { Fault } from "../../src/sandbox/iam/faults.ts";
import { type Gateway, startGateway } from "../fixture/gateway.ts";
import { ACCOUNT } from "./requests.ts";

const KEY = "AKIAIOSFODNN7EXAMPLE";
const OTHER = "AKIAI44QH8DHBEXAMPLE";
const bobsKey = { type: "access-key", id: KEY, userName: "Bob", account: ACCOUNT } as const;
const createdAt = { rfc3339: "2025-11-03T10:00:00.000Z", epochMs: Date.parse("2025-11-03T10:00:00Z") };
const lastUsed = {
  rfc3339: "2026-02-11T08:15:00.000Z",
  epochMs: Date.parse("2026-02-11T08:15:00Z"),
  service: "s3",
  region: "us-east-1",
};

let gateway: Gateway;
beforeEach(async () => {
  gateway = await startGateway();
});
afterEach(() => gateway.close());

const pip = ({ deadlineMs = 2_000, iam = gateway.iam } = {}) =>
  createPip({ iam, journal: gateway.journal, clock: gateway.clock, deadlineMs });
const always = (fault: Fault) => gateway.standIn.faults.next({ times: "always", ...fault });
const asked = () =>
  ["GetUser", "ListAccessKeys", "GetAccessKeyLastUsed"].map((name) => gateway.standIn.journal.calls(name));

describe("facts", () => {
  it("are what IAM tells of the credential, the user's others of its type, and the user", async () => {
    expect(await pip().lookUp(factNames, bobsKey)).toEqual({
      credential: { id: KEY, status: "Active", createdAt, lastUsed },
      siblings: [{ id: OTHER, status: "Active", createdAt }],
      user: { path: "/", createdAt, tags: { team: "web" } },
    });
    expect(asked()).toEqual([1, 1, 1]);
  });

  it("are looked up when they are asked for, and no others", async () => {
    const facts = await pip().lookUp(["user"], { ...bobsKey, userName: "LEDGER" });
    expect(facts).toEqual({ user: { path: "/payments/", createdAt, tags: { team: "payments", tier: "0" } } });
    expect(asked()).toEqual([1, 0, 0]);
    await pip().lookUp(["siblings"], bobsKey);
    expect(asked()).toEqual([1, 1, 0]);
  });

  it("of other types know no last use, and name the service", async () => {
    const credential = {
      type: "service-specific-credential",
      id: "ACCAEXAMPLE123EXAMPLE",
      userName: "sofia",
      account: ACCOUNT,
    } as const;
    expect(await pip().lookUp(["credential", "siblings"], credential)).toEqual({
      credential: { id: "ACCAEXAMPLE123EXAMPLE", status: "Active", createdAt, service: "codecommit.amazonaws.com" },
      siblings: [{ id: "ACCABEDROCK456EXAMPLE", status: "Active", createdAt, service: "bedrock.amazonaws.com" }],
    });
  });

  it("count a credential as no other of its own, however its id is written", async () => {
    const facts = await pip().lookUp(["siblings"], { ...bobsKey, id: KEY.toLowerCase() });
    expect(facts).toEqual({ siblings: [{ id: OTHER, status: "Active", createdAt }] });
  });

  it("of a key that was never used say so", async () => {
    const credential = { ...bobsKey, id: "AKIALONELYKEYEXAMPLE", userName: "lonely" };
    expect(await pip().lookUp(["credential", "siblings"], credential)).toEqual({
      credential: { id: "AKIALONELYKEYEXAMPLE", status: "Active", createdAt, lastUsed: null },
      siblings: [],
    });
  });
});

describe("a fact that cannot be had is null, with its reason:", () => {
  it("not-found, when IAM knows no such user", async () => {
    expect(await pip().lookUp(factNames, { ...bobsKey, userName: "nobody" })).toEqual({
      credential: null,
      siblings: null,
      user: null,
      unavailable: { credential: "not-found", siblings: "not-found", user: "not-found" },
    });
  });

  it("not-found, when the user has no such credential; the others are known", async () => {
    const facts = await pip().lookUp(factNames, { ...bobsKey, userName: "lonely" });
    expect(facts).toMatchObject({ credential: null, user: { path: "/" }, unavailable: { credential: "not-found" } });
    expect(facts.siblings).toEqual([{ id: "AKIALONELYKEYEXAMPLE", status: "Active", createdAt }]);
  });

  it("refused, when the gateway's role may not ask", async () => {
    always({ kind: "access-denied", action: "GetUser" });
    expect(await pip().lookUp(["user", "siblings"], bobsKey)).toEqual({
      user: null,
      siblings: [{ id: OTHER, status: "Active", createdAt }],
      unavailable: { user: "refused" },
    });
  });

  it.each(["server-error", "throttle", "hang", "truncated-xml"] as const)(
    "unavailable, when IAM answers with %s",
    async (kind) => {
      always({ kind });
      const deadlineMs = kind === "hang" ? 150 : 2_000;
      expect(await pip({ deadlineMs }).lookUp(factNames, bobsKey)).toEqual({
        credential: null,
        siblings: null,
        user: null,
        unavailable: { credential: "unavailable", siblings: "unavailable", user: "unavailable" },
      });
    },
  );

  it("too-large, so that nobody's tags can make every request about them too large for policy", async () => {
    const tags = Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`key-${n}`, "x".repeat(256)]));
    gateway.standIn.world.addUser("talkative", { tags });
    gateway.standIn.world.addUser("terse", { tags: { key: "x".repeat(256) } });
    const of = (userName: string) => pip().lookUp(["user"], { ...bobsKey, userName });
    expect(await of("talkative")).toEqual({ user: null, unavailable: { user: "too-large" } });
    expect(await of("terse")).toMatchObject({ user: { tags: { key: "x".repeat(256) } } });
  });

  it("not-applicable, when the request names no user or no credential", async () => {
    expect(await pip().lookUp(factNames, { account: ACCOUNT })).toEqual({
      credential: null,
      siblings: null,
      user: null,
      unavailable: { credential: "not-applicable", siblings: "not-applicable", user: "not-applicable" },
    });
    expect((await pip().lookUp(["user"], undefined)).unavailable).toEqual({ user: "not-applicable" });
    expect(asked()).toEqual([0, 0, 0]);
  });
});

describe("what the log knows better than IAM's list", () => {
  const change = (id: string, status: string, more: object = {}) =>
    gateway.request("POST", "/v1/status-changes", {
      body: { credential: { type: "access-key", id, userName: "Bob" }, status, ticket: "SEC-1" },
      ...more,
    });
  const siblingStatus = async (iam = gateway.iam) => {
    const { siblings } = await pip({ iam }).lookUp(["siblings"], bobsKey);
    return siblings?.map(({ status }) => status);
  };

  it("is Unknown while the list does not show what was applied a moment ago, and believed of IAM later on", async () => {
    const before = await gateway.iam.list("access-key", "Bob", 2_000);
    const stale = { ...gateway.iam, list: async () => before };
    expect((await change(OTHER, "Inactive")).status).toBe(201);
    expect(await siblingStatus()).toEqual(["Inactive"]);
    expect(await siblingStatus(stale)).toEqual(["Unknown"]);
    gateway.clock.advance(2 * 60_000 + 1);
    expect(await siblingStatus(stale)).toEqual(["Active"]);
  });

  it("is Unknown when somebody has switched it back past Lockkeeper a moment ago", async () => {
    await change(OTHER, "Inactive");
    const user = gateway.standIn.world.user("Bob");
    if (user === undefined) throw new Error("there is no Bob");
    gateway.standIn.world.setStatus(user, "access-key", OTHER, "Active");
    expect(await siblingStatus()).toEqual(["Unknown"]);
  });

  it("is Unknown while a change is at IAM, and when nobody knows what became of it", async () => {
    gateway.standIn.faults.next({ kind: "reset-before", action: "UpdateAccessKey" });
    always({ kind: "server-error", action: "ListAccessKeys" });
    expect((await change(OTHER, "Inactive")).status).toBe(504);
    gateway.standIn.faults.clear();
    expect(await siblingStatus()).toEqual(["Unknown"]);
    gateway.clock.advance(60_000);
    expect(await siblingStatus(), "overdue").toEqual(["Unknown"]);
  });

  it("says nothing of denials and of changes that IAM refused", async () => {
    await change(OTHER, "Inactive", { as: "viewer" });
    gateway.standIn.faults.next({ kind: "access-denied", action: "UpdateAccessKey" });
    expect((await change(OTHER, "Inactive")).status).toBe(502);
    expect(await siblingStatus()).toEqual(["Active"]);
  });
});
