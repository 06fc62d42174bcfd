import { AwsRefusal } from "../../../src/aws/refusal.ts";
import type { SignedRequest } from "../../../src/aws/sigv4/signed-request.ts";
import { type VerifiedSignature, verifySignature } from "../../../src/aws/sigv4/verify.ts";
import { accessKeyId, secretAccessKey } from "./signer.ts";

/** A second after the recorded requests were signed. */
export const now = Date.parse("2026-11-22T02:46:00Z");

export function findSecret(id: string): string | undefined {
  return id === accessKeyId ? secretAccessKey : undefined;
}

/** What the verifier says: who signed, or the refusal. Any other error is passed on. */
export async function verdictOn(request: SignedRequest): Promise<VerifiedSignature | AwsRefusal> {
  try {
    return await verifySignature(request, { findSecret, now });
  } catch (error) {
    if (error instanceof AwsRefusal) return error;
    throw error;
  }
}
