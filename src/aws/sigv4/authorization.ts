import { AwsRefusal } from "../refusal.ts";
import { incompleteSignature, signatureDoesNotMatch } from "./refusals.ts";

/** What the Authorization header of a signed request says; checked for its shape only. */
export interface Authorization {
  readonly accessKeyId: string;
  /** The day of the credential scope, `YYYYMMDD`. */
  readonly day: string;
  readonly region: string;
  readonly service: string;
  /** Lower-case, strictly ascending. */
  readonly signedHeaders: readonly string[];
  /** 64 lower-case hex digits. */
  readonly signature: string;
}

const algorithm = "AWS4-HMAC-SHA256";
const maxSignedHeaders = 50;

/** The three parameters in the order and the spelling of every AWS SDK; the blank after a comma may be missing. */
const parameters = /^AWS4-HMAC-SHA256 Credential=([^ ,=]+), ?SignedHeaders=([^ ,=]+), ?Signature=([^ ,=]+)$/;

/** The names that AWS clients sign. Other tokens of RFC 9110, such as those with an underscore, are read in two ways. */
const headerName = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;

/**
 * Reads the value of an Authorization header strictly: what a client of AWS would not have written is refused, so that
 * one signed request has one spelling.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 *
 * @param value hostile; undefined when there is no such header
 * @throws AwsRefusal 403 `MissingAuthenticationToken`, 400 `IncompleteSignature`, or 403 `SignatureDoesNotMatch` for a
 *   credential scope that can never be right
 */
export function parseAuthorization(value: string | undefined): Authorization {
  if (value === undefined) {
    throw new AwsRefusal(403, "MissingAuthenticationToken", "Request is missing Authentication Token");
  }
  const [, credential, signedHeaders, signature] = parameters.exec(value) ?? [];
  if (credential === undefined || signedHeaders === undefined || signature === undefined) throw malformed(value);
  if (!/^[0-9a-f]{64}$/.test(signature)) {
    throw incompleteSignature("The 'Signature' in the Authorization header must be 64 lower-case hex digits.");
  }
  return { ...parseCredential(credential), signedHeaders: parseSignedHeaders(signedHeaders), signature };
}

function parseCredential(credential: string) {
  const [accessKeyId, day, region, service, terminator, ...more] = credential.split("/", 6);
  if (
    accessKeyId === undefined ||
    day === undefined ||
    region === undefined ||
    service === undefined ||
    terminator === undefined ||
    more.length > 0
  ) {
    throw incompleteSignature(
      "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.",
    );
  }
  if (!/^\w{1,128}$/.test(accessKeyId)) {
    throw incompleteSignature("The access key id in 'Credential' must be 1 to 128 letters, digits or underscores.");
  }
  if (terminator !== "aws4_request") {
    throw signatureDoesNotMatch("Credential should be scoped with a valid terminator: 'aws4_request'.");
  }
  if (!/^[a-z0-9-]{1,64}$/.test(region)) throw signatureDoesNotMatch("Credential should be scoped to a valid region.");
  return { accessKeyId, day, region, service };
}

function parseSignedHeaders(list: string): string[] {
  const names = list.split(";", maxSignedHeaders + 1);
  if (names.length > maxSignedHeaders) {
    throw incompleteSignature(`'SignedHeaders' names more than ${maxSignedHeaders} headers.`);
  }
  let previous = "";
  for (const name of names) {
    if (!headerName.test(name) || name <= previous) {
      throw incompleteSignature("'SignedHeaders' must list lower-case header names, sorted, each once, between ';'.");
    }
    previous = name;
  }
  return names;
}

/** Says what is wrong with a header that has not the form, in AWS's words and without repeating any of it. */
function malformed(value: string): AwsRefusal {
  if (value.startsWith("AWS4-") && !value.startsWith(`${algorithm} `)) {
    return incompleteSignature(`Unsupported AWS 'algorithm': sign with '${algorithm}'.`);
  }
  const missing = ["Credential", "Signature", "SignedHeaders"].filter((name) => !value.includes(`${name}=`));
  if (missing.length > 0) {
    return incompleteSignature(missing.map((name) => `Authorization header requires '${name}' parameter.`).join(" "));
  }
  return incompleteSignature(
    `The Authorization header must read '${algorithm} Credential=…, SignedHeaders=…, Signature=…', each parameter once.`,
  );
}
