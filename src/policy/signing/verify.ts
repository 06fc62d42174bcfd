import { constants, type KeyObject, verify } from "node:crypto";
import { basename } from "node:path";
import { compactVerify, decodeProtectedHeader } from "jose";
import { z } from "zod";
import type { BundleFiles } from "../bundle-files.ts";
import { BundleRefusal } from "../bundle-refusal.ts";
import { nextTurn } from "../turn.ts";
import type { SignatureAlgorithm } from "./key.ts";
import { filesFault, SIGNATURES, signaturePayload } from "./signed-files.ts";

/** By what a bundle is believed. All of it is the operator's word; nothing is taken from the bundle. */
export interface Verification {
  readonly key: KeyObject;
  readonly algorithm: SignatureAlgorithm;
  /** A signature that names its key must name this one. */
  readonly keyId?: string | undefined;
  /** What the signature must say that it is for; without one, it must say nothing. */
  readonly scope?: string | undefined;
}

// https://www.openpolicyagent.org/docs/latest/management-bundles/#signature-format
const signaturesFile = z.strictObject({
  signatures: z.array(z.string()).length(1, { error: "it needs exactly one signature" }),
  plugin: z.enum(["", "_default"]).optional(),
});

/**
 * Verifies a bundle as OPA signs it: one JWT that lists each file with its hash.
 * @throws BundleRefusal `bundle-unsigned` without a signature; `bundle-signature` when it is by another key or
 *   algorithm or for another scope, or when any file was changed, added or removed since
 */
export async function verifyBundle(files: BundleFiles, verification: Verification): Promise<void> {
  // OPA takes `.signatures.json` from any folder: one that lies deeper could stand in for the one that is checked.
  if ([...files.keys()].some((name) => basename(name) === SIGNATURES && name !== SIGNATURES)) {
    throw refused(`it holds a ${SIGNATURES} in a folder of its own`);
  }
  const content = files.get(SIGNATURES);
  if (content === undefined) {
    throw new BundleRefusal("bundle-unsigned", "The bundle is not signed, and a verification key is configured.");
  }
  const payload = await verifiedPayload(tokenIn(content), verification);
  if (payload.scope !== verification.scope) throw refused("its signature is for another scope");
  await nextTurn();
  const fault = filesFaultOf(files, payload.files);
  if (fault !== undefined) throw refused(fault);
}

function tokenIn(content: Uint8Array): string {
  let parsed: ReturnType<typeof signaturesFile.safeParse>;
  try {
    parsed = signaturesFile.safeParse(JSON.parse(new TextDecoder().decode(content)));
  } catch (cause) {
    throw refused(`its ${SIGNATURES} is no JSON`, cause);
  }
  const [token] = parsed.data?.signatures ?? [];
  if (token === undefined) throw refused(`its ${SIGNATURES} must hold exactly one signature`, parsed.error);
  return token;
}

async function verifiedPayload(token: string, { key, algorithm, keyId }: Verification) {
  const { payload, protectedHeader } = await verifiedToken(token, key, algorithm).catch((cause) => {
    throw refused(`its signature is not by the configured key with ${algorithm}`, cause);
  });
  try {
    const parsed = signaturePayload.parse(JSON.parse(new TextDecoder().decode(payload)));
    const named = protectedHeader.kid ?? parsed.keyid;
    if (keyId !== undefined && named !== undefined && named !== keyId) throw refused("its signature names another key");
    return parsed;
  } catch (cause) {
    throw cause instanceof BundleRefusal ? cause : refused("its signature's payload is malformed", cause);
  }
}

async function verifiedToken(token: string, key: KeyObject, algorithm: SignatureAlgorithm) {
  if (!algorithm.startsWith("PS")) return compactVerify(token, key, { algorithms: [algorithm] });
  // OPA up to 1.x salts as much as the key can take; RFC 7518, 3.5 wants as much as the hash has, and jose holds to it.
  const protectedHeader = decodeProtectedHeader(token);
  const [header = "", payload = "", signature = "", ...more] = token.split(".");
  const { alg, crit, b64 } = protectedHeader;
  if (alg !== algorithm || crit !== undefined || b64 !== undefined || more.length > 0)
    throw new Error("another header");
  const padding = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_AUTO };
  const signed = Buffer.from(`${header}.${payload}`);
  const holds = verify(`sha${algorithm.slice(2)}`, signed, { key, ...padding }, Buffer.from(signature, "base64url"));
  if (!holds) throw new Error("another signature");
  return { payload: Buffer.from(payload, "base64url"), protectedHeader };
}

function filesFaultOf(...[files, listed]: Parameters<typeof filesFault>): string | undefined {
  try {
    return filesFault(files, listed);
  } catch (cause) {
    throw refused("its data or its manifest is no JSON that can be hashed", cause);
  }
}

function refused(why: string, cause?: unknown): BundleRefusal {
  return new BundleRefusal("bundle-signature", `The bundle's signature does not hold: ${why}.`, { cause });
}
