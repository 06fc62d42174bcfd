import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import { type ErrorCode, LockkeeperError } from "../../src/errors.ts";
import { type Problem, problemOf, problemText, sendProblem } from "../../src/http/problem.ts";
import { translateRequestError } from "../../src/http/request-error.ts";
import { strictAjv } from "../fixture/documented-replies.ts";

const statuses: Readonly<Record<ErrorCode, number>> = {
  "malformed-request": 400,
  "user-name-required": 400,
  "unknown-account": 400,
  unauthenticated: 401,
  "authentication-unavailable": 503,
  denied: 403,
  "not-found": 404,
  "method-not-allowed": 405,
  "not-acceptable": 406,
  "payload-too-large": 413,
  "unsupported-media-type": 415,
  "change-in-flight": 409,
  "idempotency-key-reused": 422,
  "rate-limited": 429,
  "iam-entity-not-found": 404,
  "iam-refused": 502,
  "iam-unavailable": 503,
  "policy-unavailable": 503,
  "audit-unavailable": 503,
  "audit-unreadable": 503,
  "audit-rolled-back": 500,
  "change-not-sent": 503,
  "outcome-unknown": 504,
  "outcome-unrecorded": 504,
  configuration: 500,
  internal: 500,
};
const codes = Object.keys(statuses) as ErrorCode[];

function problem(code: ErrorCode, details = {}): Problem {
  return problemOf(new LockkeeperError(code, "the error's own message", details));
}

describe("a problem", () => {
  it.each(codes)("for %s has its status, a type that stays, and the form of the contract", (code) => {
    const made = problem(code);
    expect([made.status, made.problem.status]).toEqual([statuses[code], statuses[code]]);
    expect(made.problem.type).toBe(`urn:lockkeeper:problem:${code}`);
    const ajv = strictAjv();
    const body: unknown = JSON.parse(problemText(made, "r"));
    expect(ajv.validate({ $ref: "openapi#/$defs/Problem" }, body), ajv.errorsText()).toBe(true);
  });

  it.each(codes)("for %s tells its own message only when it is the caller's fault", (code) => {
    expect(problem(code).problem.detail === "the error's own message").toBe(statuses[code] < 500);
  });

  it.each(codes.filter((code) => [409, 429, 503].includes(statuses[code])))("for %s says when to ask again", (code) => {
    expect(Number(problem(code).headers["Retry-After"])).toBeGreaterThan(0);
    expect(problem(code, { retryAfter: 7.2 }).headers["Retry-After"]).toBe("8");
    expect(problem(code, { retryAfter: -3 }).headers["Retry-After"]).toBe("1");
  });

  it("that the log gave no answer says nothing of what earlier requests have sent to IAM", () => {
    expect(problem("audit-unreadable").problem.detail).toMatch(
      /This request has sent nothing.*says nothing of earlier/,
    );
    expect(problem("audit-unavailable").problem.detail).toMatch(/for this request nothing was sent/);
  });

  it("that an outcome is not in the log claims nothing about IAM's answer", () => {
    expect(problem("outcome-unrecorded").problem.detail).toMatch(/^IAM may have been asked/);
  });

  it("has its receipt in ASCII, whatever the proof's characters, and each of them comes back", () => {
    const checkpoint = 'origin "\u007f\u00e9\u{1f511}\\"\n1\nroot\n\n\u2014 origin signature\n';
    const proof = { lines: "c2sp.org/tlog-proof@v1\nindex 0\n\n", checkpoint };
    const receipt = { index: 7, leafHash: "a".repeat(64), proof };
    const text = problemText(problem("denied", { receipt }), "r");
    expect(text).toMatch(/^[ -~]+$/);
    expect(JSON.parse(text)).toMatchObject({
      requestId: "r",
      receipt: { ...receipt, proof: proof.lines + checkpoint },
    });
  });

  it.each(["plain", "größer 🔑"])("is as long as it says: %s", async (detail) => {
    const server = createServer((_request, response) => {
      sendProblem(response, problemOf(new LockkeeperError("denied", detail)), "r");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const reply = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    expect(await reply.json()).toMatchObject({ detail, requestId: "r" });
    await new Promise((resolve) => server.close(resolve));
  });

  it("about a change leads to it", () => {
    const made = problem("outcome-unrecorded", { changeId: "some-id" });
    expect(made.headers["Location"]).toBe("/v1/status-changes/some-id");
    expect(made.problem.statusChange).toBe("some-id");
  });

  it("says where each fault is: in the body, the path, the query or a header", () => {
    const faults = ["/credential/id", "", "path id", "query limit", "header accept", "somewhere"].map((at) => ({
      at,
      message: "m",
    }));
    expect(problem("malformed-request", { faults }).problem.errors).toEqual([
      { pointer: "/credential/id", detail: "m" },
      { pointer: "", detail: "m" },
      { in: "path", name: "id", detail: "m" },
      { in: "query", name: "limit", detail: "m" },
      { in: "header", name: "accept", detail: "m" },
      { detail: "m" },
    ]);
  });
});

describe("an error that nobody expected", () => {
  it.each([
    ["a programming error", new TypeError("x of undefined")],
    [
      "an error that claims to be the caller's fault",
      Object.assign(new Error("secret"), { status: 400, expose: true }),
    ],
    ["an error with the type of an object's own", Object.assign(new Error("x"), { type: "constructor" })],
    ["a string", "thrown"],
    ["nothing", undefined],
  ])("is internal, keeps its cause, and tells nothing of it: %s", (_what, thrown) => {
    const error = translateRequestError(thrown);
    expect([error.code, error.cause]).toEqual(["internal", thrown]);
    expect(problemOf(error).problem.detail).not.toMatch(/secret|undefined|thrown/);
  });

  it("is not made of one of Lockkeeper's own", () => {
    const own = new LockkeeperError("denied", "no");
    expect(translateRequestError(own)).toBe(own);
  });
});
