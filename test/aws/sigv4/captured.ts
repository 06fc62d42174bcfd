import { expect } from "vitest";
import { AwsRefusal } from "../../../src/aws/refusal.ts";
import type { SignedRequest } from "../../../src/aws/sigv4/signed-request.ts";
import { authorizationOf, signed } from "./signer.ts";
import { verdictOn } from "./verdict.ts";

export type Header = readonly [string, string];
export type Attack = readonly [name: string, code: string, request: SignedRequest];

const original = signed();
const authorization = authorizationOf(original.signing);

/** An ordinary signed request that somebody without the secret got hold of. */
export const captured = original.request;

/** The captured request with other parts, still under the captured signature. */
export function tampered(changes: Partial<SignedRequest>): SignedRequest {
  return { ...captured, ...changes };
}
export function withMore(...more: Header[]): SignedRequest {
  return tampered({ headers: [...captured.headers, ...more] });
}

export function withValue(name: string, value: string): SignedRequest {
  const headers = captured.headers.map(([sent, old]) => [sent, sent.toLowerCase() === name ? value : old] as const);
  return tampered({ headers });
}

export function without(name: string): SignedRequest {
  return tampered({ headers: captured.headers.filter(([sent]) => sent.toLowerCase() !== name) });
}

export function withAuthorization(from: string | RegExp, to: string): SignedRequest {
  const value = authorization.replace(from, to);
  if (value === authorization) throw new Error("this attack changes nothing");
  return withValue("authorization", value);
}
const statusOf: Record<string, number> = {
  MissingAuthenticationToken: 403,
  InvalidClientTokenId: 403,
  SignatureDoesNotMatch: 403,
  IncompleteSignature: 400,
  InvalidQueryParameter: 400,
  InvalidURIPath: 400,
};
/** Expects a refusal with this code and its status, whose message repeats nothing of what was sent but a date. */
export async function expectRefusal(code: string, request: SignedRequest): Promise<void> {
  const verdict = await verdictOn(request);
  if (!(verdict instanceof AwsRefusal)) throw new Error("accepted");
  expect(verdict).toMatchObject({ code, status: statusOf[code] });
  expect(verdict.message).not.toMatch(/AKIA|sandbox|SEC-|127\.0|polluted|Bearer|20261122\/|[0-9a-f]{64}/i);
}
