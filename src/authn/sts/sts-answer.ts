import { unauthenticated } from "../failure.ts";
import type { AwsIdentity } from "./aws-identity.ts";

/** An HTTP answer of STS, whole. */
export interface StsAnswer {
  readonly status: number;
  readonly text: string;
}

/**
 * The whole document, from its first character to its last: nothing that STS might repeat of a request elsewhere can be
 * taken for it. https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
 */
const identityAnswer = new RegExp(
  [
    String.raw`^(?:<\?xml [^<>]*\?>)?`,
    '<GetCallerIdentityResponse xmlns="https://sts\\.amazonaws\\.com/doc/2011-06-15/">',
    "<GetCallerIdentityResult>",
    String.raw`((?:<(Arn|UserId|Account)>[^<>\s]{1,2048}</\2>\s*){3})`,
    "</GetCallerIdentityResult>",
    "<ResponseMetadata>",
    String.raw`<RequestId>[\w-]{1,128}</RequestId>`,
    "</ResponseMetadata>",
    "</GetCallerIdentityResponse>$",
  ].join(String.raw`\s*`),
);

/** The three elements of the result, whose order nobody promises. */
const resultElement = /<(Arn|UserId|Account)>([^<>\s]+)<\/\1>/g;

/** The code of an `<ErrorResponse>`; AWS's own word, nothing of the caller's. */
const errorCode = /^\s*(?:<\?xml [^<>]*\?>\s*)?<ErrorResponse[ >].*?<Code>([A-Za-z.]{1,64})<\/Code>/s;

/** Codes that say something of AWS's state and nothing of the caller. */
const notNow = /throttl|limit|toomany|unavailable|internal|failure|timeout/i;

/**
 * Who STS says has signed.
 * @throws LockkeeperError `unauthenticated` when STS refused the signature or its key; Error when the answer is none of
 *   STS's about the caller
 */
export function readStsAnswer({ status, text }: StsAnswer): AwsIdentity {
  const identity = status === 200 ? identityIn(text) : undefined;
  if (identity !== undefined) return identity;
  const code = errorCode.exec(text)?.[1];
  if ((status === 400 || status === 403) && code !== undefined && !notNow.test(code)) {
    throw unauthenticated(`STS refused the proof: ${code}`);
  }
  throw new Error(`STS answered ${status}${code === undefined ? " with something else" : `, ${code}`}`);
}

function identityIn(text: string): AwsIdentity | undefined {
  const [, result = ""] = identityAnswer.exec(text.trim()) ?? [];
  const elements = new Map([...result.matchAll(resultElement)].map(([, name, value]) => [name, value]));
  const [arn, account] = [elements.get("Arn"), elements.get("Account")];
  // Three elements with three names: none is there twice.
  if (elements.size !== 3 || arn === undefined || account === undefined) return undefined;
  return /^[0-9]{12}$/.test(account) ? { arn, account } : undefined;
}
