import { readFileSync } from "node:fs";
import { Ajv } from "ajv";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { principalKinds } from "../../src/authn/principal.ts";
import { credentialTypeNames, credentialTypes } from "../../src/changes/credential.ts";
import { type PolicyInput, policyTimeIn, readInput } from "../../src/policy/input.ts";
import { ACCOUNT, context, input, principal, time } from "./requests.ts";

describe("the time that policy sees", () => {
  const at = (zone: string, instant: string) => policyTimeIn(zone)(Date.parse(instant));

  it("is the instant, and hour and weekday in the configured zone", () => {
    expect(at("Europe/Berlin", "2026-11-21T23:30:00.250Z")).toEqual({
      rfc3339: "2026-11-21T23:30:00.250Z",
      epochMs: 1_795_303_800_250,
      hour: 0,
      weekday: "Sunday",
      zone: "Europe/Berlin",
    });
  });

  it.each([
    ["before the clocks go forward", "2026-03-29T00:59:59.999Z", 1],
    ["after the clocks went forward", "2026-03-29T01:00:00.000Z", 3],
    ["before the clocks go back", "2026-10-25T00:59:59.999Z", 2],
    ["after the clocks went back", "2026-10-25T01:00:00.000Z", 2],
    ["an hour later", "2026-10-25T02:00:00.000Z", 3],
  ])("follows daylight saving %s", (_, instant, hour) => {
    expect(at("Europe/Berlin", instant)).toMatchObject({ hour, weekday: "Sunday" });
  });

  it.each([
    ["Asia/Kathmandu", "2026-11-21T18:14:59.999Z", 23, "Saturday"],
    ["Asia/Kathmandu", "2026-11-21T18:15:00.000Z", 0, "Sunday"],
    ["Pacific/Chatham", "2026-11-21T10:14:59.999Z", 23, "Saturday"],
    ["Pacific/Chatham", "2026-11-21T10:15:00.000Z", 0, "Sunday"],
  ])("knows zones that are three quarters of an hour off: %s at %s", (zone, instant, hour, weekday) => {
    expect(at(zone, instant)).toMatchObject({ hour, weekday });
  });

  it("is the same whether it was asked for shortly before or not", () => {
    const zones = [
      "UTC",
      "Asia/Kathmandu",
      "Australia/Lord_Howe",
      "America/St_Johns",
      "Pacific/Apia",
      "Africa/Casablanca",
    ];
    for (const zone of zones) {
      const kept = policyTimeIn(zone);
      const instants = fc.integer({ min: Date.UTC(1973, 0), max: Date.UTC(2100, 0) });
      fc.assert(
        fc.property(instants, fc.integer({ min: -3_600_000, max: 3_600_000 }), (instant, step) => {
          kept(instant);
          expect(kept(instant + step)).toEqual(policyTimeIn(zone)(instant + step));
        }),
        { seed: 20_261_121, numRuns: 100 },
      );
    }
  });

  it("cannot be had of a zone that nobody knows", () => {
    expect(() => policyTimeIn("Europe/Atlantis")).toThrow(RangeError);
  });
});

describe("the policy input", () => {
  const bob = principal("bob", { userName: "Bob", groups: ["sandbox#sre"] });

  it("of a change holds what was asked and nothing else", () => {
    const asked = { ticket: "SEC-1", reason: "leaked", onBehalfOf: "sofia" };
    const smuggling = { ...bob, token: "secret", roles: ["admin"] };
    expect(input(smuggling, asked)).toEqual({
      principal: { ...bob },
      onBehalfOf: { id: "sofia" },
      action: "iam:UpdateSigningCertificate",
      credential: {
        type: "signing-certificate",
        id: "TA7SMP42TDN5Z26OBPJE7EXAMPLE",
        userName: "Bob",
        account: ACCOUNT,
      },
      change: { status: "Inactive", reason: "leaked", ticket: { id: "SEC-1", verified: false } },
      context: {
        time: time(context.receivedAt),
        sourceIp: "127.0.0.1",
        channel: "rest",
        requestId: "0192f0c1-2f4e-7c3a-9b1d-6d2a8c1f0e54",
      },
    });
    const read = readInput({ action: "lockkeeper:ListCredentials", principal: smuggling, context }, time);
    expect(Object.keys(read.principal).sort()).toEqual(["authn", "groups", "id", "issuer", "kind", "userName"]);
  });
});

describe("the JSON schema of the policy input", () => {
  const schema = JSON.parse(readFileSync("policies/schemas/input.json", "utf8"));
  const accepts = new Ajv({ allErrors: true }).compile(schema);
  const requestedBy = { id: "oncall", issuer: "sandbox" };
  const full = input(principal("bob", { userName: "Bob", groups: ["sandbox#sre"] }), {
    ...{ ticket: "SEC-1", reason: "leaked: ✓", onBehalfOf: "sofia" },
  });
  const samples: readonly PolicyInput[] = [
    full,
    input(principal("oncall")),
    ...credentialTypeNames.map((type) =>
      input(principal("oncall"), {
        credential: {
          type,
          id: "A".repeat(credentialTypes[type].id.max),
          userName: "u".repeat(credentialTypes[type].userNameMax),
        },
      }),
    ),
    ...credentialTypeNames.map((type) =>
      input(principal("oncall"), { credential: { type, id: "A".repeat(credentialTypes[type].id.min), userName: "x" } }),
    ),
    readInput(
      {
        action: "lockkeeper:ListCredentials",
        principal: principal("a"),
        credential: { userName: "Bob", account: ACCOUNT },
        context,
      },
      time,
    ),
    readInput(
      {
        action: "lockkeeper:FindAccessKeyOwner",
        principal: principal("a"),
        credential: { type: "access-key", id: "AKIAIOSFODNN7EXAMPLE", account: ACCOUNT },
        context: { ...context, sourceIp: "2001:db8::1" },
      },
      time,
    ),
    readInput(
      {
        action: "lockkeeper:ReadStatusChange",
        principal: principal("a", { issuer: "https://idp.example/realm", authn: "jwt" }),
        credential: { type: "access-key", id: "AKIAIOSFODNN7EXAMPLE", userName: "Bob", account: ACCOUNT },
        change: { status: "Active", requestedBy },
        context,
      },
      time,
    ),
    readInput({ action: "lockkeeper:ReadAudit", principal: principal("a"), context }, time),
    readInput(
      {
        action: "lockkeeper:SearchStatusChanges",
        principal: principal("a"),
        credential: { account: ACCOUNT },
        search: {},
        context,
      },
      time,
    ),
    readInput(
      {
        action: "lockkeeper:SearchStatusChanges",
        principal: principal("a"),
        credential: { type: "access-key", userName: "Bob", account: ACCOUNT },
        search: { requestedBy },
        context,
      },
      time,
    ),
  ];

  it("accepts what front doors ask policy", () => {
    for (const sample of samples) expect(accepts(sample), JSON.stringify(accepts.errors)).toBe(true);
  });

  it("refuses one field more, wherever it is", () => {
    const objects = (value: unknown, path: string[]): string[][] =>
      typeof value !== "object" || value === null || Array.isArray(value)
        ? []
        : [path, ...Object.entries(value).flatMap(([key, each]) => objects(each, [...path, key]))];
    const paths = [...objects(full, []), ...objects({ change: { requestedBy }, search: { requestedBy } }, [])];
    expect(paths.length).toBeGreaterThan(11);
    for (const path of paths) {
      const extended = structuredClone({ ...full, change: { ...full.change, requestedBy }, search: { requestedBy } });
      let place: Record<string, unknown> = extended as unknown as Record<string, unknown>;
      for (const key of path) place = place[key] as Record<string, unknown>;
      expect(accepts(extended)).toBe(true);
      place["extra"] = 1;
      expect(accepts(extended), path.join(".")).toBe(false);
    }
  });

  it("refuses each required field's absence", () => {
    for (const key of ["principal", "action", "context"] as const) {
      const { [key]: _, ...rest } = full;
      expect(accepts(rest), key).toBe(false);
    }
  });

  it("has the same patterns and lengths as the REST contract", () => {
    const { schemas } = parse(readFileSync("openapi.yaml", "utf8")).components;
    const asked = schemas.StatusChangeRequest.properties;
    const { change, onBehalfOf, credential, principal } = schema.properties;
    const bounds = ({ minLength, maxLength, pattern }: Readonly<Record<string, unknown>>) => ({
      minLength,
      maxLength,
      pattern,
    });
    expect(bounds(change.properties.reason)).toEqual(bounds(asked.reason));
    expect(bounds(change.properties.ticket.properties.id)).toEqual(bounds(asked.ticket));
    expect(bounds(onBehalfOf.properties.id)).toEqual(bounds(asked.onBehalfOf));
    const { id, userName, account } = schemas.AccessKeyRef.properties;
    expect(bounds(credential.properties.id)).toEqual(bounds(id));
    expect(bounds(credential.properties.userName)).toEqual(bounds(userName));
    expect(bounds(principal.properties.userName)).toEqual(bounds(userName));
    expect(bounds(credential.properties.account)).toEqual(bounds(schemas.Account));
    expect(account).toEqual({ $ref: "#/components/schemas/Account" });
  });

  it("knows every action, credential type and kind of principal", () => {
    const { action, credential, principal } = schema.properties;
    const ofTypes = Object.values(credentialTypes).flatMap(({ updateAction, listAction }) => [
      updateAction,
      listAction,
    ]);
    const reads = [
      "iam:GetAccessKeyLastUsed",
      "iam:GetUser",
      "iam:ListUsers",
      "lockkeeper:FindAccessKeyOwner",
      "lockkeeper:ListCredentials",
      "lockkeeper:ReadAudit",
      "lockkeeper:ReadStatusChange",
      "lockkeeper:SearchStatusChanges",
    ];
    expect(action.enum.toSorted()).toEqual([...ofTypes, ...reads].sort());
    expect(credential.properties.type.enum).toEqual(credentialTypeNames);
    expect(principal.properties.kind.enum).toEqual(principalKinds);
  });
});
