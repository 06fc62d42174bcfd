import { Hash } from "@smithy/core/serde";
import { SignatureV4 } from "@smithy/signature-v4";

/** The hash that the signer asks for: SHA-256, or with a key HMAC-SHA-256. */
const Sha256 = Hash.bind(null, "sha256");

/** Everything that a signature covers. */
export interface Signable {
  readonly method: string;
  /** As sent; it is escaped once more, as every AWS service but S3 has it. */
  readonly path: string;
  /** Decoded. */
  readonly query: Record<string, string | string[]>;
  /** The signed headers and no other, lower-case; `x-amz-date` may be left out. */
  readonly headers: Readonly<Record<string, string>>;
  /** SHA-256 of the body, hex. */
  readonly payloadHash: string;
  /** Epoch milliseconds, whole seconds. */
  readonly signedAt: number;
  readonly region: string;
  readonly service: string;
}

const payloadHashHeader = "x-amz-content-sha256";

/**
 * Signs by AWS Signature Version 4, by AWS's own signer.
 * @returns the signature, 64 lower-case hex digits
 */
export async function signatureOf(
  signable: Signable,
  key: { readonly accessKeyId: string; readonly secretAccessKey: string },
): Promise<string> {
  const { method, path, query, headers, payloadHash, signedAt, region, service } = signable;
  const signer = new SignatureV4({ credentials: key, region, service, sha256: Sha256, applyChecksum: false });
  const signed = await signer.sign(
    // The signer takes this header for the body's hash without a look at the body, so it gets ours and never a body.
    { method, protocol: "http:", hostname: "", path, query, headers: { ...headers, [payloadHashHeader]: payloadHash } },
    {
      signingDate: new Date(signedAt),
      // It leaves out some headers unless they are named, and takes all others unless they are named here.
      signableHeaders: new Set(Object.keys(headers)),
      unsignableHeaders: new Set([payloadHashHeader]),
    },
  );
  return (signed.headers["authorization"] ?? "").slice(-64);
}
