import type { Gateway } from "../fixture/gateway.ts";
import { signed } from "./sigv4/signer.ts";

export interface SignedCall {
  readonly method?: string;
  readonly path?: string;
  readonly body?: string;
  /** Sent beside what is signed. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly contentType?: string;
  /** One of the sandbox's principals; default oncall. */
  readonly as?: string;
  readonly accessKeyId?: string;
  readonly secretAccessKey?: string;
}

/** The body of an action in the Query protocol. */
export function query(action: string, more = "", version = "2010-05-08"): string {
  return `Action=${action}&Version=${version}${more}`;
}

/**
 * A request to the AWS door, signed by the gateway's clock as botocore does it.
 * @returns what sends it, the same bytes each time
 */
export function signedCall(gateway: Gateway, call: SignedCall) {
  const { method = "POST", path = "/aws", body = "", headers = {}, contentType, as = "oncall" } = call;
  const date = `${new Date(gateway.clock.now()).toISOString().replaceAll(/[-:]/g, "").slice(0, 15)}Z`;
  const { request } = signed({
    method,
    target: path,
    date,
    body,
    accessKeyId: call.accessKeyId ?? `AKIASANDBOX${as.toUpperCase()}`,
    secretAccessKey: call.secretAccessKey ?? `sandbox-${as}-secret`,
    headers: [
      ["host", `127.0.0.1:${gateway.port}`],
      ["content-type", contentType ?? "application/x-www-form-urlencoded; charset=utf-8"],
      ["x-amz-date", date],
    ],
  });
  const sent = Object.fromEntries(request.headers.filter(([name]) => name !== "host"));
  return async () => {
    const reply = await fetch(gateway.url + path, {
      method,
      headers: { ...sent, ...headers },
      ...(method === "POST" && { body }),
    });
    const xml = await reply.text();
    const text = (name: string) => new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
    return { status: reply.status, headers: reply.headers, xml, code: text("Code"), message: text("Message") };
  };
}
