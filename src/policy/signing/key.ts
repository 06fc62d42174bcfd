import { createPrivateKey, createPublicKey, createSecretKey, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { LockkeeperError } from "../../errors.ts";

/** The algorithms with which OPA signs bundles (openpolicyagent.org, "Configuration", "Keys"). */
export const signatureAlgorithms = [
  "ES256",
  "ES384",
  "ES512",
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "HS256",
  "HS384",
  "HS512",
] as const;

export type SignatureAlgorithm = (typeof signatureAlgorithms)[number];

/** RFC 7518, 3.2: a key as long as SHA-256's output. */
const MIN_SECRET_BYTES = 32;
/** RFC 7518, 3.3 and 3.5. */
const MIN_RSA_BITS = 2048;
/** RFC 7518, 3.4. */
const curves: Readonly<Record<string, string>> = { ES256: "prime256v1", ES384: "secp384r1", ES512: "secp521r1" };

/**
 * Reads the key that bundles are verified with.
 * @param file a public key or a certificate in PEM; for HS*, the secret itself
 * @throws LockkeeperError `configuration`, which never repeats what is in the file
 */
export function readVerificationKey(file: string, algorithm: SignatureAlgorithm): KeyObject {
  return readKey(file, algorithm, (pem) => {
    if (pem.includes("PRIVATE KEY")) throw new Error("it is a private key: give the gateway the public one only");
    return createPublicKey(pem);
  });
}

/**
 * Reads the key that bundles are signed with.
 * @param file a private key in PEM; for HS*, the secret itself
 * @throws LockkeeperError `configuration`, which never repeats what is in the file
 */
export function readSigningKey(file: string, algorithm: SignatureAlgorithm): KeyObject {
  return readKey(file, algorithm, (pem) => {
    if (!pem.includes("PRIVATE KEY")) throw new Error("it is no private key, which it takes to sign");
    return createPrivateKey(pem);
  });
}

function readKey(file: string, algorithm: SignatureAlgorithm, parse: (pem: string) => KeyObject): KeyObject {
  try {
    const text = readFileSync(file, "utf8");
    if (algorithm.startsWith("HS")) return secretKey(text.replace(/\r?\n$/, ""));
    if (!text.includes("-----BEGIN ")) throw new Error("it is no key in PEM");
    const key = parse(text);
    const fault = keyFault(key, algorithm);
    if (fault !== undefined) throw new Error(fault);
    return key;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new LockkeeperError(
      "configuration",
      `The key ${file} is of no use with ${algorithm}: ${why}.`,
      {},
      { cause },
    );
  }
}

function secretKey(secret: string): KeyObject {
  // A public key is known to everybody: as a secret it would let everybody sign.
  if (secret.includes("-----BEGIN ")) throw new Error("it is a key in PEM and no secret");
  const bytes = Buffer.from(secret);
  if (bytes.length < MIN_SECRET_BYTES) throw new Error(`a secret needs at least ${MIN_SECRET_BYTES} bytes`);
  return createSecretKey(bytes);
}

function keyFault({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject, algorithm: string): string | undefined {
  const curve = curves[algorithm];
  if (curve !== undefined) {
    return asymmetricKeyType === "ec" && asymmetricKeyDetails?.namedCurve === curve
      ? undefined
      : `it is no key on the curve ${curve}`;
  }
  if (asymmetricKeyType !== "rsa") return "it is no RSA key";
  return (asymmetricKeyDetails?.modulusLength ?? 0) < MIN_RSA_BITS
    ? `an RSA key needs at least ${MIN_RSA_BITS} bits`
    : undefined;
}
