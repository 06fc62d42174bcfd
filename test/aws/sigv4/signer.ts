import { createHash, createHmac } from "node:crypto";
import type { SignedRequest } from "../../../src/aws/sigv4/signed-request.ts";

export const accessKeyId = "AKIASANDBOXONCALL";
export const secretAccessKey = "sandbox-oncall-secret";

type Headers = [string, string][];

/** What goes into a signature. Everything may be wrong, so that a forger can be played too. */
export interface Signing {
  readonly method: string;
  readonly target: string;
  /** Without the Authorization header. */
  readonly headers: Headers;
  readonly body: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly algorithm: string;
  /** What stands in the credential scope. */
  readonly day: string;
  readonly region: string;
  readonly service: string;
  readonly terminator: string;
  /** The first line after the algorithm in the string to sign. */
  readonly date: string;
  readonly signedHeaders: readonly string[];
  /** The body's hash in the canonical request. */
  readonly payloadHash: string;
}

/**
 * Signs a request as AWS describes it, written without the signer that the verifier uses, and puts it together.
 * @param changes what differs from an ordinary request to switch off Bob's access key
 */
export function signed(changes: Partial<Signing> = {}): { readonly request: SignedRequest; readonly signing: Signing } {
  const body =
    changes.body ?? "Action=UpdateAccessKey&Version=2010-05-08&AccessKeyId=AKIAIOSFODNN7EXAMPLE&Status=Inactive";
  const date = changes.date ?? "20261122T024445Z";
  const headers = changes.headers ?? ordinaryHeaders(date);
  const signing: Signing = {
    method: "POST",
    target: "/aws/ticket/SEC-123",
    accessKeyId,
    secretAccessKey,
    algorithm: "AWS4-HMAC-SHA256",
    day: date.slice(0, 8),
    region: "us-east-1",
    service: "iam",
    terminator: "aws4_request",
    signedHeaders: headers.map(([name]) => name.toLowerCase()).sort(),
    payloadHash: sha256(body),
    ...changes,
    body,
    date,
    headers,
  };
  const { method, target } = signing;
  const authorization: [string, string] = ["Authorization", authorizationOf(signing)];
  return { request: { method, target, headers: [...headers, authorization], body: Buffer.from(body) }, signing };
}

export function ordinaryHeaders(date = "20261122T024445Z"): Headers {
  return [
    ["Host", "127.0.0.1:8080"],
    ["Content-Type", "application/x-www-form-urlencoded; charset=utf-8"],
    ["X-Amz-Date", date],
  ];
}

export function authorizationOf(signing: Signing): string {
  const { day, region, service, terminator, algorithm, signedHeaders } = signing;
  const scope = [day, region, service, terminator].join("/");
  const parameters = [
    `Credential=${signing.accessKeyId}/${scope}`,
    `SignedHeaders=${signedHeaders.join(";")}`,
    `Signature=${signatureOf(signing, scope)}`,
  ];
  return `${algorithm} ${parameters.join(", ")}`;
}

function signatureOf(signing: Signing, scope: string): string {
  const [path = "", query = ""] = signing.target.split("?");
  const canonicalHeaders = signing.signedHeaders.map((name) => {
    const values = signing.headers.filter(([sent]) => sent.toLowerCase() === name).map(([, value]) => value.trim());
    return `${name}:${values.join(",").replace(/\s+/g, " ")}\n`;
  });
  const canonical = [
    signing.method,
    encodeURIComponent(path).replaceAll("%2F", "/"),
    query.split("&").sort().join("&"),
    canonicalHeaders.join(""),
    signing.signedHeaders.join(";"),
    signing.payloadHash,
  ].join("\n");
  const toSign = [signing.algorithm, signing.date, scope, sha256(canonical)].join("\n");
  const key = scope.split("/").reduce<string | Buffer>(hmac, `AWS4${signing.secretAccessKey}`);
  return hmac(key, toSign).toString("hex");
}

function hmac(key: string | Buffer, data: string): Buffer {
  return createHmac("sha256", key).update(data).digest();
}

export function sha256(data: string): string {
  return createHash("sha256").update(data).digest("hex");
}
