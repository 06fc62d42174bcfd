import { incompleteSignature, signatureDoesNotMatch } from "./refusals.ts";
import type { RequestHeaders } from "./request-headers.ts";

/** These are part of the signature in ways of their own, and no client signs them as headers too. */
const neverSigned = new Set(["authorization", "date"]);

/** Nothing that readers fold, strip or decode in different ways: printable ASCII, no tab, no line break. */
const plainValue = /^[\x20-\x7e]*$/;

/**
 * The values of the headers that a signature covers, once it is certain that these cover everything which matters:
 * the host, the body's type and every header with a meaning to AWS, the date among them.
 * @param signed the names in `SignedHeaders`
 * @throws AwsRefusal 403 `SignatureDoesNotMatch` when one must be signed and is not, or is signed and was not sent;
 *   400 `IncompleteSignature` when one is repeated or has no plain value
 */
export function signedHeaderValues(headers: RequestHeaders, signed: readonly string[]): Record<string, string> {
  const names = new Set(signed);
  requireSigned(headers, names);
  const values: Record<string, string> = {};
  for (const name of signed) {
    const value = headers.get(name);
    if (neverSigned.has(name)) throw incompleteSignature("'Authorization' and 'Date' cannot be a 'SignedHeader'.");
    if (value === undefined) throw signatureDoesNotMatch("A 'SignedHeader' of the AWS Authorization was not sent.");
    if (headers.repeated.has(name)) throw incompleteSignature("A 'SignedHeader' can be sent once only.");
    if (!plainValue.test(value)) {
      throw incompleteSignature("The value of a 'SignedHeader' must be printable ASCII, without tabs and line breaks.");
    }
    values[name] = value;
  }
  return values;
}

function requireSigned(headers: RequestHeaders, signed: ReadonlySet<string>): void {
  if (!signed.has("host")) {
    throw signatureDoesNotMatch("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
  }
  if (headers.names.has("content-type") && !signed.has("content-type")) {
    throw signatureDoesNotMatch("'Content-Type' must be a 'SignedHeader' in the AWS Authorization.");
  }
  for (const name of headers.names) {
    if (name.startsWith("x-amz-") && !signed.has(name)) {
      throw signatureDoesNotMatch("Each 'X-Amz-*' header must be a 'SignedHeader' in the AWS Authorization.");
    }
  }
}
