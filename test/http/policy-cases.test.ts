import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Gateway, startGateway } from "../fixture/gateway.ts";

interface Case {
  readonly name: string;
  readonly principal: string;
  readonly body?: object;
  readonly expected: { readonly allow: boolean; readonly codes: readonly string[] };
}

interface Cases {
  readonly principals: Readonly<Record<string, { readonly token?: string }>>;
  readonly cases: readonly Case[];
}

const { principals, cases }: Cases = JSON.parse(readFileSync("test/policy/cases.json", "utf8"));
const changes = cases.filter(({ body, principal }) => body !== undefined && principals[principal]?.token !== undefined);

describe("the table of decisions, through REST", () => {
  let gateway: Gateway;
  beforeAll(async () => {
    gateway = await startGateway();
  });
  afterAll(() => gateway.close());

  it.each(changes)("$name", async ({ principal, body, expected }) => {
    const ask = (path: string) =>
      gateway.request("POST", path, {
        as: null,
        body,
        headers: { authorization: `Bearer ${principals[principal]?.token}` },
      });
    const explained = await ask("/v1/decisions");
    const { allow, reasons } = explained.json as { allow: boolean; reasons: { code: string }[] };
    // The gateway guards its own user in code as well, and says so first.
    const codes = reasons.map(({ code }) => code);
    expect({ status: explained.status, allow, codes }).toEqual({ status: 200, ...expected });
    const asked = await ask("/v1/status-changes");
    expect(asked.status === 403).toBe(!expected.allow);
  });

  it("has enough of them", () => {
    expect(changes.length).toBeGreaterThanOrEqual(40);
  });
});
