/** A plain POST in the IAM Query protocol, signed by nobody: what comes back is what went over the wire. */
export async function postQuery(
  endpoint: string,
  parameters: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = signedAs("AKIALOCKKEEPERSANDBX"),
  signal: AbortSignal | null = null,
): Promise<{ readonly status: number; readonly headers: Headers; readonly text: string }> {
  const version = parameters["Action"] === "GetCallerIdentity" ? "2011-06-15" : "2010-05-08";
  const body = new URLSearchParams({ Version: version, ...parameters });
  const response = await fetch(endpoint, { method: "POST", headers, body, signal });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

/** The header that names the access key. The signature in it is none. */
export function signedAs(accessKeyId: string, service = "iam", region = "us-east-1"): Record<string, string> {
  const scope = `${accessKeyId}/20261121/${region}/${service}/aws4_request`;
  return { authorization: `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host;x-amz-date, Signature=none` };
}

/** The text of the first element of that name. */
export function elementText(xml: string, name: string): string {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  if (text === undefined) throw new Error(`no ${name} in ${xml}`);
  return text;
}
