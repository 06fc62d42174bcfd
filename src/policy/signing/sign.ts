import type { KeyObject } from "node:crypto";
import { CompactSign } from "jose";
import type { BundleFiles } from "../bundle-files.ts";
import type { SignatureAlgorithm } from "./key.ts";
import { SIGNATURES, signedFiles } from "./signed-files.ts";

export interface Signing {
  readonly key: KeyObject;
  readonly algorithm: SignatureAlgorithm;
  readonly keyId?: string | undefined;
  readonly scope?: string | undefined;
}

/**
 * The bundle with a signature over its files, in place of one that it may have had. OPA verifies it.
 * @throws Error when its data or its manifest is no JSON
 */
export async function signBundle(files: BundleFiles, { key, algorithm, keyId, scope }: Signing): Promise<BundleFiles> {
  // OPA 0.x reads the key's id from the payload, newer ones from the header.
  const payload = {
    files: signedFiles(files),
    ...(keyId !== undefined && { keyid: keyId }),
    ...(scope !== undefined && { scope }),
  };
  const token = await new CompactSign(new TextEncoder().encode(JSON.stringify(payload)))
    .setProtectedHeader({ alg: algorithm, ...(keyId !== undefined && { kid: keyId }) })
    .sign(key);
  const content = Uint8Array.from(Buffer.from(`${JSON.stringify({ signatures: [token] })}\n`));
  return new Map([...files].filter(([name]) => name !== SIGNATURES)).set(SIGNATURES, content);
}
