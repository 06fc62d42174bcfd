import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LockkeeperError } from "../../src/errors.ts";
import { type Gateway, startGateway } from "../fixture/gateway.ts";

const path = "/v1/users/Bob/credentials";

let gateway: Gateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());

describe("whoever does not say who they are", () => {
  it("is told how to, without being told of an error", async () => {
    const { status, headers } = await gateway.request("GET", path, { as: null });
    expect([status, headers.get("www-authenticate")]).toEqual([401, 'Bearer realm="lockkeeper"']);
  });

  it.each([
    "Bearer not-a-token-of-ours",
    "Basic b25jYWxsOng=",
    "sandbox-oncall",
    "Bearer",
    "Bearer a b",
    "bearersandbox-oncall",
  ])("or says it with %j, is told that this does not hold, and none of it comes back", async (authorization) => {
    const { status, headers, text } = await gateway.request("GET", path, { as: null, headers: { authorization } });
    expect([status, headers.get("www-authenticate")]).toEqual([
      401,
      'Bearer realm="lockkeeper", error="invalid_token"',
    ]);
    expect(text).not.toContain("not-a-token-of-ours");
  });

  it("gets to see what needs nobody", async () => {
    for (const open of ["/livez", "/readyz", "/openapi.json"]) {
      expect((await gateway.request("GET", open, { as: null })).status).toBe(200);
    }
  });

  it("too often from one address is answered 429, whoever it claims to be; others there are not touched", async () => {
    const gateway = await startGateway({ perMinute: { failedAuthentications: 2 } });
    const statuses = [];
    for (const as of [null, "nobody", "somebody", null])
      statuses.push((await gateway.request("GET", path, { as })).status);
    expect(statuses).toEqual([401, 401, 429, 429]);
    const refused = await gateway.request("GET", path, { as: null });
    expect(refused.headers.get("retry-after")).toBe("60");
    expect(refused.headers.get("ratelimit-policy")).toBe('"failedAuthentications";q=2;w=60');
    expect((await gateway.request("GET", path)).status).toBe(200);
    await gateway.close();
  });

  it("is counted by the address that a trusted proxy forwards", async () => {
    const gateway = await startGateway({ perMinute: { failedAuthentications: 1 }, trustedProxies: ["127.0.0.1"] });
    const from = async (address: string) =>
      (await gateway.request("GET", path, { as: null, headers: { "x-forwarded-for": address } })).status;
    expect([await from("192.0.2.1"), await from("192.0.2.1"), await from("192.0.2.2")]).toEqual([401, 429, 401]);
    await gateway.close();
  });
});

describe("an authentication that cannot be made", () => {
  it("is 503, not 401: the caller's proof may well hold", async () => {
    const gateway = await startGateway({
      authenticate: () =>
        Promise.reject(new LockkeeperError("authentication-unavailable", "jwks at https://internal.example timed out")),
    });
    const { status, headers, text } = await gateway.request("GET", path);
    expect([status, headers.get("retry-after"), headers.has("www-authenticate")]).toEqual([503, "5", false]);
    expect(text).not.toContain("internal.example");
    await gateway.close();
  });

  it("for a reason that nobody expected is 500, and lets nobody in", async () => {
    const gateway = await startGateway({ authenticate: () => Promise.reject(new TypeError("undefined is not a key")) });
    const { status, text } = await gateway.request("GET", path);
    expect(status).toBe(500);
    expect(text).not.toContain("undefined is not a key");
    await gateway.close();
  });
});
