import { afterEach, describe, expect, it } from "vitest";
import { type Gateway, type GatewayOptions, startGateway } from "../fixture/gateway.ts";

const body = {
  credential: { type: "signing-certificate", id: "TA7SMP42TDN5Z26OBPJE7EXAMPLE", userName: "Bob" },
  status: "Inactive",
};

let gateway: Gateway;
async function start(perMinute: NonNullable<GatewayOptions["perMinute"]>): Promise<void> {
  gateway = await startGateway({ perMinute });
}
afterEach(() => gateway.close());

const change = (as: string) => gateway.request("POST", "/v1/status-changes", { as, body });
const look = (as: string) => gateway.request("GET", "/v1/users/Bob/credentials", { as });
const ask = (as: string) => gateway.request("POST", "/v1/decisions", { as, body });

describe("a quota", () => {
  it("is told with each reply, refusals as well", async () => {
    await start({ changes: 2 });
    const { headers } = await change("oncall");
    // A busy machine can take seconds for what comes between.
    expect(headers.get("ratelimit-policy")).toBe('"changes";q=2;w=60');
    expect(headers.get("ratelimit")).toMatch(/^"changes";r=1;t=(60|5\d)$/);
    expect((await change("oncall")).headers.get("ratelimit")).toMatch(/^"changes";r=0;t=(60|5\d)$/);
    const refused = await change("oncall");
    expect(refused.status).toBe(429);
    expect(refused.headers.get("retry-after")).toMatch(/^(60|5\d)$/);
    expect(refused.headers.get("ratelimit")).toMatch(/^"changes";r=0;t=(60|5\d)$/);
  });

  it("is its principal's own: a flood of denials keeps nobody else from switching a key off", async () => {
    await start({ changes: 5 });
    const flood = await Promise.all(Array.from({ length: 50 }, () => change("viewer")));
    expect(flood.filter(({ status }) => status === 403)).toHaveLength(5);
    expect(flood.filter(({ status }) => status === 429)).toHaveLength(45);
    expect((await change("oncall")).status).toBe(201);
  });

  it("of changes is not used up by look-ups and questions, nor theirs by it", async () => {
    await start({ changes: 1, reads: 1, whatIfs: 1 });
    for (const each of [change, look, ask]) expect((await each("oncall")).status).toBeLessThan(300);
    for (const each of [change, look, ask]) expect((await each("oncall")).status).toBe(429);
  });

  it("counts what is malformed, too, and stops it before its body is read", async () => {
    await start({ changes: 1 });
    const malformed = () => gateway.request("POST", "/v1/status-changes", { body: "{" });
    expect([(await malformed()).status, (await malformed()).status]).toEqual([400, 429]);
  });

  it("of look-ups counts what is nowhere, too", async () => {
    await start({ reads: 3 });
    const wrong: [string, string][] = [
      ["GET", "/v2"],
      ["DELETE", "/v1/status-changes"],
      ["GET", "/v1/decisions"],
    ];
    for (const [method, path] of wrong) expect([404, 405]).toContain((await gateway.request(method, path)).status);
    for (const [method, path] of wrong) expect((await gateway.request(method, path)).status).toBe(429);
    expect((await ask("oncall")).status).toBe(200);
  });

  it("that is used up leaves no record of its own: policy was not asked", async () => {
    await start({ changes: 1 });
    await change("viewer");
    const { json } = await change("oncall");
    const { receipt } = json as { receipt: { index: number } };
    await change("viewer");
    expect((await change("admin")).json).toMatchObject({ receipt: { index: receipt.index + 2 } });
  });
});
