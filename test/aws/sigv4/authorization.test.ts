import { describe, expect, it } from "vitest";
import { type Attack, expectRefusal, withAuthorization, without, withValue } from "./captured.ts";
import { verdictOn } from "./verdict.ts";

const credential = "Credential=AKIASANDBOXONCALL/20261122/us-east-1/iam/aws4_request";

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
describe("an Authorization header", () => {
  it.each(oddHeaders)("is refused when it has or is %s: %s", (_name, code, request) => expectRefusal(code, request));

  it("is asked for in AWS's words", async () => {
    expect(await verdictOn(without("authorization"))).toMatchObject({
      message: "Request is missing Authentication Token",
    });
    expect(await verdictOn(withValue("authorization", "Bearer abc"))).toMatchObject({
      message:
        "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter.",
    });
  });
});
