import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Gateway, startGateway } from "../fixture/gateway.ts";
import { query, type SignedCall, signedCall } from "./signed-call.ts";

let gateway: Gateway;
beforeAll(async () => {
  gateway = await startGateway({ perMinute: { failedAuthentications: 40, reads: 30 } });
});
beforeEach(() => gateway.clock.advance(61_000));
afterAll(() => gateway.close());

const send = (call: SignedCall) => signedCall(gateway, call)();
const off = query("UpdateAccessKey", "&UserName=Bob&AccessKeyId=AKIAIOSFODNN7EXAMPLE&Status=Inactive");

describe("every answer is IAM's own XML, with the request id where clients look for it", () => {
  it("a success", async () => {
    const { status, headers, xml } = await send({ body: off });
    expect(status).toBe(200);
    expect(headers.get("content-type")).toBe("text/xml");
    const id = headers.get("x-amzn-requestid");
    expect(id).toBe(headers.get("x-request-id"));
    expect(xml).toBe(
      `<UpdateAccessKeyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ResponseMetadata><RequestId>${id}</RequestId></ResponseMetadata></UpdateAccessKeyResponse>`,
    );
    expect(Date.parse(headers.get("date") ?? "")).not.toBeNaN();
    // Where its outcome and its receipt are.
    const change = await gateway.request("GET", `/v1/status-changes/${headers.get("x-lockkeeper-status-change")}`);
    expect(change.json).toMatchObject({ outcome: "applied", principal: { id: "oncall" } });
  });

  it.each<[string, SignedCall, number, string]>([
    ["a GET, which a link could make", { method: "GET" }, 405, "MethodNotAllowed"],
    ["a PUT", { method: "PUT" }, 405, "MethodNotAllowed"],
    ["a path below the door", { path: "/aws/elsewhere", body: off }, 404, "NotFound"],
    ["a ticket that is none", { path: "/aws/ticket/-", body: off }, 404, "NotFound"],
    ["a path below the ticket", { path: "/aws/ticket/SEC-1/x", body: off }, 404, "NotFound"],
    ["two slashes at the end", { path: "/aws//", body: off }, 404, "NotFound"],
    ["a query string", { path: `/aws?${off}`, body: off }, 404, "NotFound"],
    ["a compressed body", { body: off, headers: { "content-encoding": "gzip" } }, 415, "UnsupportedMediaType"],
    ["a body beyond all need", { body: off.padEnd(17_000, "x") }, 413, "RequestEntityTooLarge"],
    ["JSON", { body: "{}", contentType: "application/json" }, 400, "MissingAction"],
    ["no action", { body: "Version=2010-05-08" }, 400, "MissingAction"],
    ["an action that IAM has not", { body: query("UpdateEverything") }, 400, "InvalidAction"],
    ["an action of JavaScript's", { body: query("constructor") }, 400, "InvalidAction"],
    ["another version", { body: query("GetUser", "&UserName=Bob", "2015-01-01") }, 400, "InvalidAction"],
    [
      "an action of IAM's that is not carried out",
      { body: query("CreateAccessKey", "&UserName=Bob") },
      403,
      "AccessDenied",
    ],
    ["a parameter that the action has not", { body: `${off}&Path=x` }, 400, "ValidationError"],
    ["a parameter twice", { body: `${off}&Status=Active` }, 400, "MalformedQueryString"],
    ["a broken escape", { body: `${off}%` }, 400, "MalformedQueryString"],
    ["a wrong secret", { body: off, secretAccessKey: "sandbox-admin-secret" }, 403, "SignatureDoesNotMatch"],
    ["a key that nobody has", { body: off, accessKeyId: "AKIASANDBOXNOBODY" }, 403, "InvalidClientTokenId"],
  ])("%s", async (_what, sent, status, code) => {
    const before = gateway.standIn.journal.entries().length;
    const answer = await send(sent);
    expect([answer.status, answer.code]).toEqual([status, code]);
    expect(answer.headers.get("content-type")).toBe("text/xml");
    expect(answer.xml).toContain(`<RequestId>${answer.headers.get("x-amzn-requestid")}</RequestId></ErrorResponse>`);
    expect(gateway.standIn.journal.entries()).toHaveLength(before);
  });

  it.each(["/aws/ticket/SEC%20123", `/aws/ticket/${"a".repeat(65)}`, "/aws/ticket/SEC-123?Action=ListUsers"])(
    "%s is told what may stand there",
    async (path) => {
      expect(await send({ path, body: off })).toMatchObject({
        status: 404,
        message: expect.stringMatching(/1 to 64 of A-Z a-z 0-9 .* without a query string\.$/),
      });
    },
  );

  it("nothing that was sent is markup in it", async () => {
    const { code, message } = await send({ body: query("Get%3CUser%3E") });
    expect([code, message]).toEqual(["InvalidAction", "Could not find operation (not a name) for version 2010-05-08"]);
  });
});

describe("parameters are checked as IAM checks them", () => {
  it.each([
    [
      "&AccessKeyId=AKIAIOSFODNN7EXAMPLE",
      "1 validation error detected: Value at 'status' failed to satisfy constraint: Member must not be null",
    ],
    [
      "&AccessKeyId=AKIA-IOSFODNN7EXAMPLE&Status=Inactive",
      "1 validation error detected: Value at 'accessKeyId' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w]+",
    ],
    [
      "&AccessKeyId=short&Status=Off",
      "2 validation errors detected: Value at 'accessKeyId' failed to satisfy constraint: Member must have length greater than or equal to 16; Value at 'status' failed to satisfy constraint: Member must satisfy enum value set",
    ],
  ])("%s", async (parameters, message) => {
    expect(await send({ body: query("UpdateAccessKey", `&UserName=Bob${parameters}`) })).toMatchObject({
      status: 400,
      code: "ValidationError",
      message,
    });
  });

  it("a marker that IAM cannot have given too", async () => {
    expect(await send({ body: query("ListUsers", "&Marker=%E2%82%AC") })).toMatchObject({
      code: "ValidationError",
      message:
        "1 validation error detected: Value at 'marker' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\u0020-\\u00FF]+",
    });
  });
});

describe("who asks too often", () => {
  it("of a principal is throttled, in the code that every client understands", async () => {
    const answers = [];
    for (let n = 0; n < 31; n += 1) answers.push(await send({ as: "viewer", body: query("GetUser", "&UserName=Bob") }));
    expect(answers.slice(0, 30).map(({ status }) => status)).toEqual(Array(30).fill(200));
    expect(answers[30]).toMatchObject({ status: 400, code: "Throttling", message: "Rate exceeded" });
  });

  it("is throttled too when nothing of it can be carried out", async () => {
    const faulty = [
      query("UpdateEverything"),
      query("CreateAccessKey", "&UserName=Bob"),
      query("UpdateAccessKey", "&UserName=Bob"),
      "Action=%",
    ];
    const answers = [];
    for (let n = 0; n < 31; n += 1) answers.push(await send({ as: "sofia", body: faulty[n % 4] ?? "" }));
    expect(answers.slice(0, 30).filter(({ code }) => code === "Throttling")).toEqual([]);
    expect(answers[30]).toMatchObject({ status: 400, code: "Throttling" });
  });

  it("without a good signature is counted by where it comes from, on record and held off", async () => {
    const wrong = () => send({ body: off, secretAccessKey: "guessed" });
    let last = await wrong();
    for (let n = 0; n < 60 && last.code === "SignatureDoesNotMatch"; n += 1) last = await wrong();
    expect(last).toMatchObject({ status: 400, code: "Throttling" });
    await gateway.refusals.record();
    const { records } = await gateway.journal.records({
      from: 0,
      limit: 500,
      code: "lockkeeper.authentication.failed",
    });
    expect(records.length).toBeGreaterThan(0);
    // Somebody who can prove who they are is not held off with them.
    expect((await send({ body: query("ListUsers") })).status).not.toBe(403);
  });
});

it("what was sent beside the signed parts reaches neither policy nor the log", async () => {
  const { headers } = await send({ body: off, headers: { "user-agent": "sneaky-agent/1.0 ticket/SEC-999" } });
  const records = await gateway.journal.recordsOf(String(headers.get("x-lockkeeper-status-change")));
  expect(records.length).toBeGreaterThan(0);
  expect(records.map(({ body }) => body).join()).not.toMatch(/sneaky|SEC-999/);
});
