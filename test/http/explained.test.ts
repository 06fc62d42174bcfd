import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Gateway, startGateway } from "../fixture/gateway.ts";

const key = (userName: string) => ({ type: "access-key", id: "AKIAIOSFODNN7EXAMPLE", userName });

describe("POST /v1/decisions", () => {
  let gateway: Gateway;
  beforeAll(async () => {
    gateway = await startGateway();
  });
  afterAll(() => gateway.close());
  const ask = async (as: string, body: object) => (await gateway.request("POST", "/v1/decisions", { as, body })).json;

  it("tells the rule of each reason, and what would be needed, in the order in which it is easiest", async () => {
    expect(await ask("chatops", { credential: key("Bob"), status: "Inactive" })).toEqual({
      id: expect.any(String),
      allow: false,
      revision: expect.any(String),
      reasons: [
        {
          code: "on-behalf-of-required",
          message: expect.stringContaining("onBehalfOf"),
          source: "policy",
          rules: [
            {
              rule: "data.lockkeeper.changes.missing",
              file: "lockkeeper/changes/changes.rego",
              line: expect.any(Number),
            },
          ],
        },
      ],
      // What depends on the user's tags or other keys may be enough: for who is denied nothing is looked up.
      remedies: [
        { needs: [{ kind: "on-behalf-of" }], certain: false },
        { needs: [{ kind: "role", role: "admin" }], certain: false },
        { needs: [{ kind: "role", role: "oncall" }], certain: false },
        { needs: [{ kind: "role", role: "admin" }, { kind: "ticket" }], certain: true },
        { needs: [{ kind: "role", role: "ticketing" }, { kind: "ticket" }], certain: false },
      ].map((remedy) => ({
        ...remedy,
        message: expect.stringContaining(remedy.certain ? "this would be allowed." : "this may be allowed:"),
      })),
    });
  });

  it("tells that nothing would help", async () => {
    expect(await ask("admin", { credential: key("lockkeeper"), status: "Inactive" })).toMatchObject({
      allow: false,
      reasons: [{ code: "gateway-own-user", source: "gateway" }],
      remedies: [],
    });
  });

  it("tells of an allow why, and what policy has seen", async () => {
    const allowed = await ask("oncall", { credential: key("Bob"), status: "Inactive" });
    expect(allowed).toMatchObject({ allow: true, reasons: [{ code: "oncall-switch-off", rules: [{}] }] });
    expect(allowed).toMatchObject({ facts: { siblings: [{ status: "Active" }], user: { tags: {} } } });
    expect(Object.keys(allowed as object).sort()).toEqual(["allow", "facts", "id", "reasons", "revision"]);
  });

  it("tells more than a denial does, which stays as it is", async () => {
    const body = { credential: key("Bob"), status: "Active" };
    const { json } = await gateway.request("POST", "/v1/status-changes", { as: "oncall", body });
    expect(json).toMatchObject({ decision: { reasons: [{ code: "ticket-required" }] } });
    expect(JSON.stringify(json)).not.toContain("remedies");
    expect(JSON.stringify(json)).not.toContain(".rego");
  });
});
