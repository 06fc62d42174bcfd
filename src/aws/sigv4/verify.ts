import { hash, randomBytes, timingSafeEqual } from "node:crypto";
import { type Authorization, parseAuthorization } from "./authorization.ts";
import { incompleteSignature, invalidClientTokenId, signatureDoesNotMatch } from "./refusals.ts";
import { readHeaders } from "./request-headers.ts";
import { signatureOf } from "./signature.ts";
import { signedHeaderValues } from "./signed-headers.ts";
import { signedPath } from "./signed-path.ts";
import type { SignedRequest } from "./signed-request.ts";
import { readSigningDate } from "./signing-date.ts";

/** Who signed a request, and when. */
export interface VerifiedSignature {
  readonly accessKeyId: string;
  readonly region: string;
  /** Epoch milliseconds, whole seconds. */
  readonly signedAt: number;
  /** SHA-256 of the signature, hex: the same for the same signed request, and for no other. */
  readonly digest: string;
}

interface VerifyOptions {
  /** The secret of an access key that is live; undefined for an unknown, expired or revoked one. */
  findSecret(accessKeyId: string): string | undefined;
  /** Epoch milliseconds. */
  readonly now: number;
  /** The service that the signature must be scoped to. */
  readonly service?: string;
}

/** Signs in place of a key that does not exist, so that an unknown and a wrong key take the same way. */
const nobody = { accessKeyId: "nobody", secretAccessKey: randomBytes(30).toString("base64") };

/**
 * Verifies a request's AWS Signature Version 4: somebody who holds the secret signed this method, path, body, host, date,
 * body type and every `X-Amz-*` header, for this service, within the last five minutes. Headers that are not signed are
 * proven by nothing. The way from an access key to the answer is the same for known and unknown ones.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 *
 * @throws AwsRefusal 403 `MissingAuthenticationToken`, `InvalidClientTokenId`, `SignatureDoesNotMatch`;
 *   400 `IncompleteSignature`, `InvalidQueryParameter`, `InvalidURIPath`
 */
export async function verifySignature(request: SignedRequest, options: VerifyOptions): Promise<VerifiedSignature> {
  const { findSecret, now, service = "iam" } = options;
  const path = signedPath(request.target);
  if (!/^[A-Z]{1,20}$/.test(request.method)) throw incompleteSignature("The method must be capital letters.");
  const sent = readHeaders(request.headers);
  const authorization = parseAuthorization(sent.get("authorization"));
  if (sent.names.has("x-amz-security-token")) throw invalidClientTokenId();
  const signedAt = readSigningDate(sent.get("x-amz-date"), now);
  checkScope(authorization, service, sent.get("x-amz-date"));
  const headers = signedHeaderValues(sent, authorization.signedHeaders);
  const payloadHash = hash("sha256", request.body);
  checkPayloadHash(sent.get("x-amz-content-sha256"), payloadHash);

  const { accessKeyId, region, signature } = authorization;
  const secret = findSecret(accessKeyId);
  // An empty secret would let everybody sign.
  const known = secret !== undefined && secret !== "";
  const key = known ? { accessKeyId, secretAccessKey: secret } : nobody;
  const { method } = request;
  const expected = await signatureOf({ method, path, query: {}, headers, payloadHash, signedAt, region, service }, key);
  const right = timingSafeEqual(Buffer.from(signature), Buffer.from(expected));
  if (!known) throw invalidClientTokenId();
  if (!right) {
    throw signatureDoesNotMatch(
      "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
    );
  }
  return { accessKeyId, region, signedAt, digest: hash("sha256", signature) };
}

function checkScope(authorization: Authorization, service: string, date: string | undefined): void {
  if (authorization.service !== service) {
    throw signatureDoesNotMatch(`Credential should be scoped to correct service: '${service}'.`);
  }
  if (authorization.day !== date?.slice(0, 8)) {
    throw signatureDoesNotMatch(
      "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.",
    );
  }
}

/** Also what stops `UNSIGNED-PAYLOAD` and the streaming forms: the body is always whole and always signed. */
function checkPayloadHash(claimed: string | undefined, payloadHash: string): void {
  if (claimed !== undefined && claimed !== payloadHash) {
    throw signatureDoesNotMatch("The provided 'x-amz-content-sha256' header does not match what was computed.");
  }
}
