import { describe, expect, it } from "vitest";
import type { SignedRequest } from "../../../src/aws/sigv4/signed-request.ts";
import {
  type Attack,
  captured,
  expectRefusal,
  type Header,
  tampered,
  withAuthorization,
  withMore,
  withValue,
} from "./captured.ts";
import { sha256 } from "./signer.ts";
import { verdictOn } from "./verdict.ts";

const body = Buffer.from(captured.body).toString();
const sentAuthorization = captured.headers.find(([name]) => name === "Authorization")?.[1] ?? "";

function withBody(body: string): SignedRequest {
  return tampered({ body: Buffer.from(body) });
}
const changedAfterSigning: Attack[] = [
  ["another status", "SignatureDoesNotMatch", withBody(body.replace("Inactive", "Active"))],
  ["another key id in the body", "SignatureDoesNotMatch", withBody(body.replace("AKIAIOSFODNN7", "AKIAIOSFODNN8"))],
  ["a user name added to the body", "SignatureDoesNotMatch", withBody(`${body}&UserName=root`)],
  ["a parameter repeated in the body", "SignatureDoesNotMatch", withBody(`${body}&Status=Active`)],
  ["__proto__ as a parameter", "SignatureDoesNotMatch", withBody(`${body}&__proto__=x`)],
  ["a line break after the body", "SignatureDoesNotMatch", withBody(`${body}\n`)],
  ["an equivalent escape in the body", "SignatureDoesNotMatch", withBody(body.replace("Status", "%53tatus"))],
  ["an empty body", "SignatureDoesNotMatch", withBody("")],
  ["another ticket", "SignatureDoesNotMatch", tampered({ target: "/aws/ticket/SEC-124" })],
  ["no ticket", "SignatureDoesNotMatch", tampered({ target: "/aws" })],
  ["a final slash", "SignatureDoesNotMatch", tampered({ target: "/aws/ticket/SEC-123/" })],
  ["the path in capitals", "SignatureDoesNotMatch", tampered({ target: "/AWS/ticket/SEC-123" })],
  ["an equivalent escape in the path", "SignatureDoesNotMatch", tampered({ target: "/aws/ticket/SEC%2D123" })],
  ["another method", "SignatureDoesNotMatch", tampered({ method: "PUT" })],
  ["the method in small letters", "IncompleteSignature", tampered({ method: "post" })],
  ["another host", "SignatureDoesNotMatch", withValue("host", "iam.amazonaws.com")],
  ["another port", "SignatureDoesNotMatch", withValue("host", "127.0.0.1:8081")],
  ["another content type", "SignatureDoesNotMatch", withValue("content-type", "application/json")],
  [
    "another charset",
    "SignatureDoesNotMatch",
    withValue("content-type", "application/x-www-form-urlencoded; charset=utf-7"),
  ],
  ["another second", "SignatureDoesNotMatch", withValue("x-amz-date", "20261122T024446Z")],
  ["another region in the scope", "SignatureDoesNotMatch", withAuthorization("us-east-1", "eu-west-1")],
  ["another service in the scope", "SignatureDoesNotMatch", withAuthorization("/iam/", "/sts/")],
  ["another day in the scope", "SignatureDoesNotMatch", withAuthorization("/20261122/", "/20261121/")],
  ["somebody else's key id", "InvalidClientTokenId", withAuthorization("AKIASANDBOXONCALL", "AKIASANDBOXADMIN")],
  [
    "one hex digit of the signature",
    "SignatureDoesNotMatch",
    withAuthorization(/.$/, sentAuthorization.endsWith("0") ? "1" : "0"),
  ],
  ["a signature of zeros", "SignatureDoesNotMatch", withAuthorization(/[0-9a-f]{64}$/, "0".repeat(64))],
  [
    "the host taken off the signed headers",
    "SignatureDoesNotMatch",
    withAuthorization("content-type;host;", "content-type;"),
  ],
  ["the date taken off the signed headers", "SignatureDoesNotMatch", withAuthorization(";x-amz-date", "")],
  ["the body's type taken off the signed headers", "SignatureDoesNotMatch", withAuthorization("content-type;", "")],
  [
    "a header put on the signed headers",
    "SignatureDoesNotMatch",
    withAuthorization("=content-type", "=accept;content-type"),
  ],
];

const addedAfterSigning: Attack[] = [
  ["a session token", "InvalidClientTokenId", withMore(["X-Amz-Security-Token", "AQoDYXdzEPT"])],
  ["an empty session token", "InvalidClientTokenId", withMore(["x-amz-security-token", ""])],
  ["an unsigned x-amz- header", "SignatureDoesNotMatch", withMore(["X-Amz-Target", "IAM.UpdateAccessKey"])],
  ["an unsigned hash of the body", "SignatureDoesNotMatch", withMore(["X-Amz-Content-Sha256", sha256(body)])],
  ["a second host", "IncompleteSignature", withMore(["host", "127.0.0.1:8080"])],
  ["a second content type", "IncompleteSignature", withMore(["content-type", "text/plain"])],
  ["a second x-amz-date", "IncompleteSignature", withMore(["x-amz-date", "20261122T024445Z"])],
  ["a second content-length", "IncompleteSignature", withMore(["Content-Length", "1"], ["content-length", "2"])],
  [
    "a second transfer-encoding",
    "IncompleteSignature",
    withMore(["Transfer-Encoding", "chunked"], ["transfer-encoding", "x"]),
  ],
  ["a second date", "IncompleteSignature", withMore(["Date", "a"], ["date", "b"])],
  ["the Authorization header twice", "IncompleteSignature", withMore(["authorization", sentAuthorization])],
  [
    "another Authorization header in front",
    "IncompleteSignature",
    tampered({ headers: [["Authorization", "Bearer x"], ...captured.headers] }),
  ],
  ["a query", "InvalidQueryParameter", tampered({ target: "/aws/ticket/SEC-123?Status=Active" })],
  ["an empty query", "InvalidQueryParameter", tampered({ target: "/aws/ticket/SEC-123?" })],
  [
    "more headers than anybody sends",
    "IncompleteSignature",
    withMore(...Array.from({ length: 97 }, (_, n): Header => [`a${n}`, ""])),
  ],
  ["more bytes of headers than anybody sends", "IncompleteSignature", withMore(["accept", "x".repeat(16 * 1024)])],
];

const pathsWithTwoReadings: Attack[] = [
  "/aws/ticket//SEC-123",
  "//aws/ticket/SEC-123",
  "/aws/./ticket/SEC-123",
  "/aws/ticket/SEC-9/../SEC-123",
  "/aws/ticket/SEC-9/%2e%2E/SEC-123",
  "/aws/ticket/SEC-123/%2e",
  "/aws/ticket/SEC-123/..",
  "/aws/ticket/SEC-123#x",
  "/aws/ticket/SEC-123%",
  "/aws/ticket/SEC-123%zz",
  "/aws/ticket\\SEC-123",
  "/aws/ticket/SEC-123\0",
  "/aws/ticket/SEC-12\u00b3",
  "/aws/ticket/\ud800",
  "/aws/ticket/SEC 123",
  "http://127.0.0.1:8080/aws/ticket/SEC-123",
  "aws/ticket/SEC-123",
  "*",
  "",
  `/aws/ticket/${"a".repeat(2048)}`,
].map((target) => [JSON.stringify(target.slice(0, 40)), "InvalidURIPath", tampered({ target })] as const);

describe("an attack on a captured request is refused", () => {
  it("that is accepted when nothing is changed", async () => {
    expect(await verdictOn(captured)).toMatchObject({ accessKeyId: "AKIASANDBOXONCALL" });
  });

  it.each(changedAfterSigning)("with %s: %s", (_name, code, request) => expectRefusal(code, request));
  it.each(addedAfterSigning)("with %s added: %s", (_name, code, request) => expectRefusal(code, request));
  it.each(pathsWithTwoReadings)("with the path %s: %s", (_name, code, request) => expectRefusal(code, request));
});
