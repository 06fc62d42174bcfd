import { hash } from "node:crypto";
import { z } from "zod";
import { unauthenticated } from "../failure.ts";

/** The only thing that STS is ever asked on a caller's behalf. The gateway writes it; no caller can. */
export const identityQuestion = "Action=GetCallerIdentity&Version=2011-06-15";

/** How long a proof is good, before and after its date. AWS itself would take one for 15 minutes. */
export const PROOF_LIFETIME_MS = 5 * 60_000;

/** What a proof has to be made for. */
export interface ProofTerms {
  /** As in the `Host` header: with the port, where it is not the scheme's own. */
  readonly stsHost: string;
  readonly region: string;
  /** The name of this gateway, so that what was signed for another service is of no use here. */
  readonly serverId: string;
}

/** A proof that is well-formed and meant for this gateway. Only STS knows whether its signature is right. */
export interface IdentityProof {
  /** What goes to STS: nothing that a caller can choose but the key's id, session token, date and signature. */
  readonly headers: Readonly<Record<string, string>>;
  /** Epoch milliseconds. */
  readonly signedAt: number;
  /** SHA-256, hex: the same for the same signed headers, however they were written, and for no others. */
  readonly digest: string;
}

/** Every AWS SDK writes the parameters so. The rest of the value follows from the other headers. */
const signedBy = /^AWS4-HMAC-SHA256 Credential=([A-Z0-9]{16,128})\/.*, Signature=([0-9a-f]{64})$/;

/**
 * Reads the headers of a signed `GetCallerIdentity` request. What the request is, is known before: so each header is
 * held against the one value that it can have, and the Authorization header is written anew from the others and
 * compared, rather than taken apart. Method, path, query and body are not even sent.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 *
 * @returns a function that takes base64url of the JSON `{"headers": {…}}` (hostile) and the time in epoch milliseconds,
 *   and throws LockkeeperError `unauthenticated`
 */
export function createProofReader(terms: ProofTerms): (text: string, now: number) => IdentityProof {
  const schema = proofSchema(terms);
  return (text, now) => {
    const parsed = schema.safeParse(jsonIn(text));
    if (!parsed.success) throw unauthenticated("the STS proof has other headers than those of this gateway's request");
    const { headers } = parsed.data;
    const signedAt = dateOf(headers["x-amz-date"]);
    if (signedAt === undefined) throw unauthenticated("the STS proof's date is none");
    if (Math.abs(now - signedAt) > PROOF_LIFETIME_MS) throw unauthenticated("the STS proof is too old, or from later");
    if (headers.authorization !== authorizationFor(headers, terms.region)) {
      throw unauthenticated("the STS proof's Authorization does not sign exactly its headers, for sts and the region");
    }
    // zod has put them into the schema's order.
    return { headers, signedAt, digest: hash("sha256", JSON.stringify(headers)) };
  };
}

function proofSchema({ stsHost, serverId }: ProofTerms) {
  return z.strictObject({
    headers: z.strictObject({
      authorization: z.string().regex(signedBy),
      // The SDK for JavaScript names no charset, botocore does.
      "content-type": z.enum(["application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=utf-8"]),
      host: z.literal(stsHost),
      "x-amz-date": z.string(),
      "x-lockkeeper-server-id": z.literal(serverId),
      "content-length": z.literal(String(identityQuestion.length)).exactOptional(),
      "x-amz-content-sha256": z.literal(hash("sha256", identityQuestion)).exactOptional(),
      "x-amz-security-token": z
        .string()
        .regex(/^[A-Za-z0-9+/=_-]{1,6000}$/)
        .exactOptional(),
    }),
  });
}

/** Undefined for what is no JSON; nothing of it gets into an error. */
function jsonIn(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
  } catch {
    return undefined;
  }
}

/** The one Authorization header that goes with these headers, all of which are signed. */
function authorizationFor(
  headers: IdentityProof["headers"] & { readonly authorization: string; readonly "x-amz-date": string },
  region: string,
): string {
  const [, accessKeyId, signature] = signedBy.exec(headers.authorization) ?? [];
  const scope = `${headers["x-amz-date"].slice(0, 8)}/${region}/sts/aws4_request`;
  const signed = Object.keys(headers)
    .filter((name) => name !== "authorization")
    .sort()
    .join(";");
  return `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${signed}, Signature=${signature}`;
}

/** `YYYYMMDDTHHMMSSZ` in epoch milliseconds; undefined for anything else, also for a thirtieth of February. */
function dateOf(text: string): number | undefined {
  const iso = text.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6.000Z");
  const at = iso === text ? Number.NaN : Date.parse(iso);
  return Number.isNaN(at) || new Date(at).toISOString() !== iso ? undefined : at;
}
