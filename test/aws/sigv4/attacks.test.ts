import { describe, expect, it } from "vitest";
import { AwsRefusal } from "../../../src/aws/refusal.ts";
import type { SignedRequest } from "../../../src/aws/sigv4/signed-request.ts";
import { createNodeParser } from "./node-parser.ts";
import { recordedWithUnsignedContentType } from "./recorded-requests.ts";
import { authorizationOf, ordinaryHeaders, type Signing, sha256, signed } from "./signer.ts";
import { verdictOn } from "./verdict.ts";

type Header = readonly [string, string];
type Attack = readonly [name: string, code: string, request: SignedRequest];

const { request: captured, signing } = signed();
const authorization = authorizationOf(signing);
const credential = "Credential=AKIASANDBOXONCALL/20261122/us-east-1/iam/aws4_request";

/** The captured request with other parts, still under the captured signature. */
function tampered(changes: Partial<SignedRequest>): SignedRequest {
  return { ...captured, ...changes };
}

function withBody(body: string): SignedRequest {
  return tampered({ body: Buffer.from(body) });
}

function withMore(...more: Header[]): SignedRequest {
  return tampered({ headers: [...captured.headers, ...more] });
}

function withValue(name: string, value: string): SignedRequest {
  const headers = captured.headers.map(([sent, old]) => [sent, sent.toLowerCase() === name ? value : old] as const);
  return tampered({ headers });
}

function without(name: string): SignedRequest {
  return tampered({ headers: captured.headers.filter(([sent]) => sent.toLowerCase() !== name) });
}

function withAuthorization(from: string | RegExp, to: string): SignedRequest {
  const value = authorization.replace(from, to);
  if (value === authorization) throw new Error("this attack changes nothing");
  return withValue("authorization", value);
}

/** A request that its sender signed like this, with the right secret. */
function signedWith(changes: Partial<Signing>): SignedRequest {
  return signed(changes).request;
}

function signedWithHeaders(...more: [string, string][]): SignedRequest {
  return signedWith({ headers: [...ordinaryHeaders(), ...more] });
}

const body = Buffer.from(captured.body).toString();
const emptyHash = sha256("");

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
    withAuthorization(/.$/, authorization.endsWith("0") ? "1" : "0"),
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
  ["the Authorization header twice", "IncompleteSignature", withMore(["authorization", authorization])],
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

const oddHeaders: Attack[] = [
  ["none", "MissingAuthenticationToken", without("authorization")],
  ["an empty one", "IncompleteSignature", withValue("authorization", "")],
  ["a bearer token", "IncompleteSignature", withValue("authorization", "Bearer abc")],
  ["the algorithm alone", "IncompleteSignature", withValue("authorization", "AWS4-HMAC-SHA256")],
  ["another algorithm", "IncompleteSignature", withAuthorization("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1")],
  ["the asymmetric algorithm", "IncompleteSignature", withAuthorization("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256")],
  ["the algorithm in small letters", "IncompleteSignature", withAuthorization("AWS4-HMAC-SHA256", "aws4-hmac-sha256")],
  ["no credential", "IncompleteSignature", withAuthorization(/Credential=[^,]+, /, "")],
  ["no signed headers", "IncompleteSignature", withAuthorization(/SignedHeaders=[^,]+, /, "")],
  [
    "an empty list of signed headers",
    "IncompleteSignature",
    withAuthorization(/SignedHeaders=[^,]+/, "SignedHeaders="),
  ],
  ["no signature", "IncompleteSignature", withAuthorization(/, Signature=.*/, "")],
  ["two signatures", "IncompleteSignature", withAuthorization(/$/, `, Signature=${"0".repeat(64)}`)],
  ["two credentials", "IncompleteSignature", withAuthorization("Credential", `${credential}, Credential`)],
  ["another order", "IncompleteSignature", withAuthorization(/(Credential=[^,]+), (SignedHeaders=[^,]+)/, "$2, $1")],
  ["a parameter of its own", "IncompleteSignature", withAuthorization(/$/, ", Foo=bar")],
  ["a trailing comma", "IncompleteSignature", withAuthorization(/$/, ",")],
  ["a trailing blank", "IncompleteSignature", withAuthorization(/$/, " ")],
  ["a trailing line break", "IncompleteSignature", withAuthorization(/$/, "\n")],
  ["a leading blank", "IncompleteSignature", withAuthorization(/^/, " ")],
  ["two blanks after the algorithm", "IncompleteSignature", withAuthorization("256 ", "256  ")],
  ["a tab after the algorithm", "IncompleteSignature", withAuthorization("256 ", "256\t")],
  ["two blanks after a comma", "IncompleteSignature", withAuthorization(", S", ",  S")],
  ["a tab after a comma", "IncompleteSignature", withAuthorization(", S", ",\tS")],
  ["a blank before a comma", "IncompleteSignature", withAuthorization(", S", " , S")],
  ["semicolons in place of commas", "IncompleteSignature", withAuthorization(/, /g, "; ")],
  ["a blank after an equal sign", "IncompleteSignature", withAuthorization("Credential=", "Credential= ")],
  ["a folded line", "IncompleteSignature", withAuthorization(", S", ",\r\n S")],
  ["parameter names in small letters", "IncompleteSignature", withAuthorization("SignedHeaders", "signedheaders")],
  ["a signature in capitals", "IncompleteSignature", withAuthorization(/[0-9a-f]{64}$/, "ABCDEF01".repeat(8))],
  ["leading zeros of a signature", "IncompleteSignature", withAuthorization("Signature=", "Signature=00")],
  ["a signature cut short", "IncompleteSignature", withAuthorization(/..$/, "")],
  ["a signature that is no hex", "IncompleteSignature", withAuthorization(/.$/, "g")],
  [
    "signed headers that are not sorted",
    "IncompleteSignature",
    withAuthorization("content-type;host", "host;content-type"),
  ],
  ["a signed header twice", "IncompleteSignature", withAuthorization(";host", ";host;host")],
  ["a signed header in capitals", "IncompleteSignature", withAuthorization(";host", ";Host")],
  ["an empty name among the signed headers", "IncompleteSignature", withAuthorization(";host", ";;host")],
  ["a semicolon after the signed headers", "IncompleteSignature", withAuthorization("x-amz-date,", "x-amz-date;,")],
  ["__proto__ among the signed headers", "IncompleteSignature", withAuthorization("=content", "=__proto__;content")],
  [
    "more signed headers than anybody has",
    "IncompleteSignature",
    withAuthorization(
      /SignedHeaders=[^,]+/,
      `SignedHeaders=${Array.from({ length: 60 }, (_, n) => `a${100 + n}`).join(";")}`,
    ),
  ],
  ["a very long one", "IncompleteSignature", withAuthorization("AKIASANDBOXONCALL", "A".repeat(5000))],
  [
    "a long run of separators",
    "IncompleteSignature",
    withAuthorization(/Credential=.*/, `Credential=${"/".repeat(3000)}`),
  ],
  ["__proto__ as the key id", "InvalidClientTokenId", withAuthorization("AKIASANDBOXONCALL", "__proto__")],
  ["constructor as the key id", "InvalidClientTokenId", withAuthorization("AKIASANDBOXONCALL", "constructor")],
  ["the key id in small letters", "InvalidClientTokenId", withAuthorization("AKIASANDBOXONCALL", "akiasandboxoncall")],
  ["an empty key id", "IncompleteSignature", withAuthorization("AKIASANDBOXONCALL", "")],
  ["a line break in the key id", "IncompleteSignature", withAuthorization("AKIASANDBOXONCALL", "AKIASANDBOX\nONCALL")],
  ["too few parts of the credential", "IncompleteSignature", withAuthorization("/iam/", "/")],
  ["too many parts of the credential", "IncompleteSignature", withAuthorization("/iam/", "/iam/iam/")],
  ["another terminator", "SignatureDoesNotMatch", withAuthorization("aws4_request", "aws5_request")],
  ["an empty region", "SignatureDoesNotMatch", withAuthorization("us-east-1", "")],
  [
    "a region that is none",
    "SignatureDoesNotMatch",
    withAuthorization("us-east-1", "../us-east-1".replaceAll("/", ".")),
  ],
];

/** Signed with a live secret, so only the rule that each breaks stands between it and the policy. */
const signedOddly: Attack[] = [
  ["for another service", "SignatureDoesNotMatch", signedWith({ service: "sts" })],
  ["for the service in capitals", "SignatureDoesNotMatch", signedWith({ service: "IAM" })],
  ["for another day than its date's", "SignatureDoesNotMatch", signedWith({ day: "20261121" })],
  ["for a day longer than a day", "SignatureDoesNotMatch", signedWith({ day: "202611220" })],
  ["with another terminator", "SignatureDoesNotMatch", signedWith({ terminator: "aws4_request2" })],
  ["without the host", "SignatureDoesNotMatch", signedWith({ signedHeaders: ["content-type", "x-amz-date"] })],
  ["without a host at all", "SignatureDoesNotMatch", signedWith({ headers: ordinaryHeaders().slice(1) })],
  ["without its date", "SignatureDoesNotMatch", signedWith({ signedHeaders: ["content-type", "host"] })],
  ["without the type of the body", "SignatureDoesNotMatch", signedWith({ signedHeaders: ["host", "x-amz-date"] })],
  [
    "without one x-amz- header",
    "SignatureDoesNotMatch",
    signedWith({
      headers: [...ordinaryHeaders(), ["X-Amz-Meta", "1"]],
      signedHeaders: ["content-type", "host", "x-amz-date"],
    }),
  ],
  [
    "with a header that is not sent",
    "SignatureDoesNotMatch",
    signedWith({ signedHeaders: ["content-type", "host", "origin", "x-amz-date"] }),
  ],
  [
    "with the signed headers out of order",
    "IncompleteSignature",
    signedWith({ signedHeaders: ["x-amz-date", "host", "content-type"] }),
  ],
  ["with __proto__ as a header", "IncompleteSignature", signedWithHeaders(["__proto__", "polluted"])],
  [
    "with a repeated header",
    "IncompleteSignature",
    signedWith({
      headers: [...ordinaryHeaders(), ["Z", "1"], ["z", "2"]],
      signedHeaders: ["content-type", "host", "x-amz-date", "z"],
    }),
  ],
  ["with a tab in a header", "IncompleteSignature", signedWithHeaders(["Z", "a\tb"])],
  ["with a folded header", "IncompleteSignature", signedWithHeaders(["Z", "a\r\n b"])],
  ["with a byte over ASCII in a header", "IncompleteSignature", signedWithHeaders(["Z", "caf\u00e9"])],
  ["with the Date header", "IncompleteSignature", signedWithHeaders(["Date", "Sun, 22 Nov 2026 02:44:45 GMT"])],
  [
    "with the Date header alone",
    "IncompleteSignature",
    signedWith({ headers: [...ordinaryHeaders().slice(0, 2), ["Date", "20261122T024445Z"]] }),
  ],
  [
    "with the Authorization header",
    "IncompleteSignature",
    signedWith({ signedHeaders: ["authorization", "content-type", "host", "x-amz-date"] }),
  ],
  ["with a session token", "InvalidClientTokenId", signedWithHeaders(["X-Amz-Security-Token", "AQoDYXdzEPT"])],
  ["with a query", "InvalidQueryParameter", signedWith({ target: "/aws?Action=ListUsers" })],
  ["over an unsigned payload", "SignatureDoesNotMatch", unsignedPayload("UNSIGNED-PAYLOAD")],
  ["over a streamed payload", "SignatureDoesNotMatch", unsignedPayload("STREAMING-AWS4-HMAC-SHA256-PAYLOAD")],
  [
    "over an unsigned payload without saying so",
    "SignatureDoesNotMatch",
    signedWith({ payloadHash: "UNSIGNED-PAYLOAD" }),
  ],
  ["over another body's hash", "SignatureDoesNotMatch", unsignedPayload(emptyHash)],
  ["over the hash in capitals", "SignatureDoesNotMatch", unsignedPayload(sha256(body).toUpperCase())],
  ["over an empty hash", "SignatureDoesNotMatch", unsignedPayload("")],
  ["six minutes ago", "SignatureDoesNotMatch", signedWith({ date: "20261122T024000Z" })],
  ["in six minutes", "SignatureDoesNotMatch", signedWith({ date: "20261122T025200Z" })],
  ["a year ago", "SignatureDoesNotMatch", signedWith({ date: "20251122T024445Z" })],
  ["in the year 0000", "SignatureDoesNotMatch", signedWith({ date: "00001122T024445Z" })],
  ["in the year 9999", "SignatureDoesNotMatch", signedWith({ date: "99991122T024445Z" })],
  ["in a thirteenth month", "IncompleteSignature", signedWith({ date: "20261322T024445Z" })],
  ["on the thirty-first of November", "IncompleteSignature", signedWith({ date: "20261131T024445Z" })],
  ["at 24 o'clock", "IncompleteSignature", signedWith({ date: "20261121T240000Z" })],
  ["in a leap second", "IncompleteSignature", signedWith({ date: "20261122T024460Z" })],
  [
    "with a date in the extended form",
    "IncompleteSignature",
    signedWith({ date: "2026-11-22T02:44:45Z", day: "20261122" }),
  ],
  ["with a date without its zone", "IncompleteSignature", signedWith({ date: "20261122T024445" })],
  ["with milliseconds", "IncompleteSignature", signedWith({ date: "20261122T024445.000Z" })],
  ["with a line break after the date", "IncompleteSignature", signedWith({ date: "20261122T024445Z\n" })],
  ["with an empty date", "IncompleteSignature", signedWith({ date: "" })],
  ["with another secret", "SignatureDoesNotMatch", signedWith({ secretAccessKey: "sandbox-oncall-secre" })],
  ["with an unknown key", "InvalidClientTokenId", signedWith({ accessKeyId: "AKIAUNKNOWN" })],
  [
    "with an unknown key and no secret",
    "InvalidClientTokenId",
    signedWith({ accessKeyId: "AKIAUNKNOWN", secretAccessKey: "" }),
  ],
];

function unsignedPayload(claim: string): SignedRequest {
  return signedWith({ headers: [...ordinaryHeaders(), ["X-Amz-Content-Sha256", claim]], payloadHash: claim });
}

const statusOf: Record<string, number> = {
  MissingAuthenticationToken: 403,
  InvalidClientTokenId: 403,
  SignatureDoesNotMatch: 403,
  IncompleteSignature: 400,
  InvalidQueryParameter: 400,
  InvalidURIPath: 400,
};

async function expectRefusal(code: string, request: SignedRequest): Promise<void> {
  const verdict = await verdictOn(request);
  expect(verdict).toBeInstanceOf(AwsRefusal);
  expect(verdict).toMatchObject({ code, status: statusOf[code] });
}

describe("an attack on a captured request is refused", () => {
  it("that is accepted when nothing is changed", async () => {
    expect(await verdictOn(captured)).toMatchObject({ accessKeyId: "AKIASANDBOXONCALL" });
  });

  it.each(changedAfterSigning)("with %s: %s", (_name, code, request) => expectRefusal(code, request));
  it.each(addedAfterSigning)("with %s added: %s", (_name, code, request) => expectRefusal(code, request));
  it.each(pathsWithTwoReadings)("with the path %s: %s", (_name, code, request) => expectRefusal(code, request));
  it.each(oddHeaders)("with an Authorization header that has or is %s: %s", (_name, code, request) =>
    expectRefusal(code, request),
  );
});

describe("a request with a right signature is refused", () => {
  it.each(signedOddly)("when it is signed %s: %s", (_name, code, request) => expectRefusal(code, request));

  it("when curl left the type of its body unsigned", async () => {
    const [request] = await createNodeParser()(Buffer.from(recordedWithUnsignedContentType));
    if (request === undefined) throw new Error("the message did not arrive");
    await expectRefusal("SignatureDoesNotMatch", request);
  });
});

describe("a refusal", () => {
  const attacks = [...changedAfterSigning, ...addedAfterSigning, ...oddHeaders, ...signedOddly];

  it("never repeats what was sent, the date apart", async () => {
    const marked = withAuthorization("AKIASANDBOXONCALL", "AKIAMARK").headers;
    for (const [, , request] of [...attacks, ["", "", { ...captured, headers: marked }] as const]) {
      const verdict = await verdictOn(request);
      if (!(verdict instanceof AwsRefusal)) throw new Error("accepted");
      expect(verdict.message).not.toMatch(/AKIA|sandbox|SEC-|127\.0|polluted|Bearer|20261122\/|[0-9a-f]{64}/i);
    }
  });

  it("says in AWS's words what is missing in the Authorization header", async () => {
    expect(await verdictOn(without("authorization"))).toMatchObject({
      message: "Request is missing Authentication Token",
    });
    expect(await verdictOn(withValue("authorization", "Bearer abc"))).toMatchObject({
      message:
        "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter.",
    });
    expect(await verdictOn(signedWith({ service: "sts" }))).toMatchObject({
      message: "Credential should be scoped to correct service: 'iam'.",
    });
  });
});
