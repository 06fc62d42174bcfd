import { describe, expect, it } from "vitest";
import type { SignedRequest } from "../../../src/aws/sigv4/signed-request.ts";
import { type Attack, captured, expectRefusal } from "./captured.ts";
import { createNodeParser } from "./node-parser.ts";
import { recordedWithUnsignedContentType } from "./recorded-requests.ts";
import { ordinaryHeaders, type Signing, sha256, signed } from "./signer.ts";
import { verdictOn } from "./verdict.ts";

const body = Buffer.from(captured.body).toString();
const emptyHash = sha256("");

/** A request that its sender signed like this, with the right secret. */
function signedWith(changes: Partial<Signing>): SignedRequest {
  return signed(changes).request;
}

function signedWithHeaders(...more: [string, string][]): SignedRequest {
  return signedWith({ headers: [...ordinaryHeaders(), ...more] });
}
/** Signed with a live secret, so only the rule that each breaks stands between it and the policy. */
const signedOddly: Attack[] = [
  ["for another service", "SignatureDoesNotMatch", signedWith({ service: "sts" })],
  ["for the service in capitals", "SignatureDoesNotMatch", signedWith({ service: "IAM" })],
  ["for another day than its date's", "SignatureDoesNotMatch", signedWith({ day: "20261121" })],
  ["for a day longer than a day", "SignatureDoesNotMatch", signedWith({ day: "202611220" })],
  ["with another terminator", "SignatureDoesNotMatch", signedWith({ terminator: "aws4_request2" })],
  ["for a region that is none", "SignatureDoesNotMatch", signedWith({ region: "US_East" })],
  ["without a region", "SignatureDoesNotMatch", signedWith({ region: "" })],
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
describe("a request with a right signature is refused", () => {
  it.each(signedOddly)("when it is signed %s: %s", (_name, code, request) => expectRefusal(code, request));

  it("when curl left the type of its body unsigned", async () => {
    const [request] = await createNodeParser()(Buffer.from(recordedWithUnsignedContentType));
    if (request === undefined) throw new Error("the message did not arrive");
    await expectRefusal("SignatureDoesNotMatch", request);
  });

  it("with the hash as the reason when that is not the body's", async () => {
    expect(await verdictOn(unsignedPayload("UNSIGNED-PAYLOAD"))).toMatchObject({
      message: "The provided 'x-amz-content-sha256' header does not match what was computed.",
    });
  });

  it("with AWS's words for a signature of another service", async () => {
    expect(await verdictOn(signedWith({ service: "sts" }))).toMatchObject({
      message: "Credential should be scoped to correct service: 'iam'.",
    });
  });
});
