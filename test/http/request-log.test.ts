import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Gateway, startGateway } from "../fixture/gateway.ts";

const body = {
  credential: { type: "signing-certificate", id: "TA7SMP42TDN5Z26OBPJE7EXAMPLE", userName: "Bob" },
  status: "Inactive",
};

let gateway: Gateway;
beforeEach(async () => {
  gateway = await startGateway();
});
afterEach(() => gateway.close());

/** The line is written when the connection has let go of the reply, which may be after the caller has it. */
async function lines(count: number) {
  while (gateway.log.lines.length < count) await new Promise(setImmediate);
  return gateway.log.lines;
}

describe("the log", () => {
  it("has one line for a request, with who asked, what for, and how it ended", async () => {
    const { headers, json } = await gateway.request("POST", "/v1/status-changes", { body });
    expect(await lines(1)).toEqual([
      {
        level: "info",
        msg: "ALLOWED  oncall: signing certificate TA7SMP42TDN5Z26OBPJE7EXAMPLE of Bob Inactive  (oncall-switch-off)",
        event: "decision",
        changeId: (json as { id: string }).id,
        allow: true,
        reasons: ["oncall-switch-off"],
        action: "iam:UpdateSigningCertificate",
        credential: body.credential.id,
        userName: "Bob",
        wanted: "Inactive",
        requestId: headers.get("x-request-id"),
        method: "POST",
        operation: "createStatusChange",
        status: 201,
        refusal: undefined,
        ms: expect.any(Number),
        principal: "oncall",
        issuer: "sandbox",
        sourceIp: "127.0.0.1",
      },
    ]);
  });

  it("tells a denial, and a question from an answer to a change", async () => {
    await gateway.request("POST", "/v1/status-changes", { body, as: "viewer" });
    await gateway.request("POST", "/v1/decisions", { body });
    await gateway.request("POST", "/v1/decisions", { body, as: "viewer" });
    const told = (await lines(3)).map(({ event, allow, msg }) => [event, allow, String(msg).split(":")[0]]);
    expect(told).toEqual([
      ["decision", false, "DENIED   viewer"],
      ["what-if", true, "WHAT IF  ALLOWED  oncall"],
      ["what-if", false, "WHAT IF  DENIED   viewer"],
    ]);
  });

  it("says why a request was refused", async () => {
    await gateway.request("POST", "/v1/status-changes", { body, as: "viewer" });
    await gateway.request("POST", "/v1/status-changes", { body: {} });
    await gateway.request("GET", "/v2");
    expect((await lines(3)).map(({ refusal }) => refusal)).toEqual(["denied", "malformed-request", "not-found"]);
  });

  it("says more of a failed authentication than its caller is told", async () => {
    const { text } = await gateway.request("GET", "/v2", { as: null, headers: { authorization: "Basic eDp5" } });
    const [line] = await lines(1);
    expect(line).toMatchObject({ refusal: expect.stringMatching(/^unauthenticated: .*Bearer/) });
    expect(text).not.toContain("is not `Bearer`");
  });

  it("is spared the probes", async () => {
    await gateway.request("GET", "/livez", { as: null });
    await gateway.request("GET", "/readyz", { as: null });
    expect((await lines(2)).map(({ level }) => level)).toEqual(["debug", "debug"]);
  });

  it("and the replies hold no secret that came along, wherever it stood", async () => {
    const canary = "canary-7f3a";
    const texts = [];
    const requests: [string, string, Parameters<Gateway["request"]>[2]][] = [
      ["GET", `/v1/users/${canary}/x`, {}],
      ["GET", `/v1/users/Bob/credentials?token=${canary}`, {}],
      ["GET", "/v1/users/Bob/credentials", { as: null, headers: { authorization: `Bearer ${canary}` } }],
      ["GET", "/v1/users/Bob/credentials", { headers: { cookie: canary, "x-api-key": canary, accept: canary } }],
      ["POST", "/v1/status-changes", { body: `{"${canary}` }],
      ["POST", "/v1/status-changes", { body: { ...body, reason: `${canary}\n`, ticket: { canary } } }],
      ["POST", "/v1/status-changes", { body: { ...body, status: canary } }],
      ["POST", "/v1/status-changes", { body, headers: { "content-type": canary } }],
      ["POST", "/v1/status-changes", { body, headers: { "idempotency-key": `${canary} ${"x".repeat(200)}` } }],
    ];
    for (const [method, path, options] of requests) texts.push((await gateway.request(method, path, options)).text);
    expect(texts.join() + JSON.stringify(await lines(requests.length))).not.toContain(canary);
  });

  it("has the error behind a 500, under the id that the caller was given", async () => {
    const broken = await startGateway({
      pdp: {
        decide: () => {
          throw new Error("out of memory in the policy");
        },
      },
    });
    const { json, text } = await broken.request("POST", "/v1/status-changes", { body });
    const line = broken.log.lines.find(({ level }) => level === "error");
    expect(line).toMatchObject({ code: "internal", err: { cause: { message: "out of memory in the policy" } } });
    expect(line?.["requestId"]).toBe((json as { requestId: string }).requestId);
    expect(text).not.toContain("memory");
    await broken.close();
  });
});
