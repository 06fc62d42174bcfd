import { describe, expect, it } from "vitest";
import { failedUpdate } from "../../src/iam/translate.ts";

const systemError = (code: string, syscall: string) =>
  Object.assign(new Error(`${syscall} ${code}`), { code, syscall });

describe("an error after a request was handed to the network", () => {
  it.each([
    systemError("ECONNREFUSED", "connect"),
    systemError("ENOTFOUND", "getaddrinfo"),
    systemError("EAI_AGAIN", "getaddrinfo"),
    systemError("EHOSTUNREACH", "connect"),
    systemError("ENETUNREACH", "connect"),
    systemError("ETIMEDOUT", "connect"),
    new AggregateError([systemError("ECONNREFUSED", "connect"), systemError("EHOSTUNREACH", "connect")]),
  ])("proves that nothing was sent when there was no connection: %s", (error) => {
    expect(failedUpdate(error, true)).toMatchObject({ kind: "not-sent" });
  });

  it.each([
    systemError("ECONNRESET", "read"),
    systemError("EPIPE", "write"),
    // The kernel reports these for connections that have been up, too.
    systemError("EHOSTUNREACH", "read"),
    systemError("ETIMEDOUT", "read"),
    new AggregateError([systemError("ECONNREFUSED", "connect"), systemError("ECONNRESET", "read")]),
    new AggregateError([]),
    Object.assign(new Error("a request has exceeded the configured 5000 ms requestTimeout"), { name: "TimeoutError" }),
    new Error("ECONNREFUSED"),
    "a thrown string",
    undefined,
  ])("proves nothing otherwise: %s", (error) => {
    expect(failedUpdate(error, true)).toMatchObject({ kind: "unknown", code: expect.stringMatching(/./) });
  });

  it("says nothing of hosts and files to callers", () => {
    const error = new Error("connect ECONNREFUSED 10.1.2.3:443 while reading /etc/aws/credentials");
    expect(JSON.stringify([failedUpdate(error, true), failedUpdate(error, false)])).not.toMatch(/10\.1\.2\.3|etc/);
  });

  it("cuts IAM's words short, and never through the middle of a character", () => {
    const message = `${"x".repeat(499)}\u{1F512} and more`;
    const error = Object.assign(new Error(message), {
      Error: { Code: "AccessDenied", Message: message },
      $metadata: { httpStatusCode: 403 },
    });
    const answer = failedUpdate(error, true);
    expect(answer).toMatchObject({ kind: "refused", message: `${"x".repeat(499)}\ufffd` });
  });
});
