import { createHash } from "node:crypto";
import { z } from "zod";
import type { BundleFiles } from "../bundle-files.ts";
import { canonicalJson, isStructured } from "./canonical-json.ts";

/** Where a bundle's signature is; nowhere else in it. */
export const SIGNATURES = ".signatures.json";

/** What OPA calls the hashes that still say something (its own list goes down to MD5), and what Node.js calls them. */
const hashes = new Map([
  ["SHA-256", "sha256"],
  ["SHA-384", "sha384"],
  ["SHA-512", "sha512"],
]);

/** What the signature's payload says of one file. */
export interface SignedFile {
  readonly name: string;
  /** Hex. */
  readonly hash: string;
  readonly algorithm: string;
}

/**
 * The payload of a bundle's signature (openpolicyagent.org, "Bundles", "Signature Format"). `keyid` is its older place
 * for the header's `kid`.
 */
export const signaturePayload = z.looseObject({
  files: z.array(z.object({ name: z.string().min(1), hash: z.string().regex(/^[0-9a-f]+$/i), algorithm: z.string() })),
  keyid: z.string().optional(),
  scope: z.string().optional(),
});

/** Every file of a bundle, but for the signature itself, as its signature lists it. */
export function signedFiles(files: BundleFiles): SignedFile[] {
  return [...files]
    .filter(([name]) => name !== SIGNATURES)
    .map(([name, content]) => ({ name, hash: hashOf(name, content, "sha256"), algorithm: "SHA-256" }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * Why these files are not the ones that were signed; undefined when they are, each of them and no other.
 * @param listed what the verified payload lists
 */
export function filesFault(files: BundleFiles, listed: readonly SignedFile[]): string | undefined {
  // OPA writes no leading slash, other signers do.
  const expected = new Map(listed.map((file) => [file.name.replace(/^\//, ""), file]));
  if (expected.size !== listed.length) return "its signature lists a file twice";
  for (const [name, content] of files) {
    if (name === SIGNATURES) continue;
    const file = expected.get(name);
    if (file === undefined) return "it holds a file that its signature does not list";
    const algorithm = hashes.get(file.algorithm);
    if (algorithm === undefined) return `its signature's hashes are none of ${[...hashes.keys()].join(", ")}`;
    if (hashOf(name, content, algorithm) !== file.hash.toLowerCase()) return `${name} is not as it was signed`;
    expected.delete(name);
  }
  const [missing] = expected.keys();
  return missing === undefined ? undefined : `${missing} is missing, which its signature lists`;
}

function hashOf(name: string, content: Uint8Array, algorithm: string): string {
  const hashed = isStructured(name) ? canonicalJson(content) : content;
  return createHash(algorithm).update(hashed).digest("hex");
}
