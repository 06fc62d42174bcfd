/**
 * What every reply carries, whoever writes it. The list is that of the OWASP REST Security Cheat Sheet: replies are
 * JSON for programs, so nothing may store, sniff, frame or run them. A constant table, because the raw replies to
 * requests that HTTP's own parser refuses need it too.
 */
const always: Readonly<Record<string, string>> = {
  "Cache-Control": "no-store",
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
};

export interface ReplyHeaderOptions {
  /** No AWS account is behind it, and every reply says so. */
  readonly sandbox: boolean;
  /** Browsers that came here by TLS once are told to come back by TLS only. */
  readonly tls: boolean;
}

/** The headers of every reply, except the request id. */
export function replyHeaders({ sandbox, tls }: ReplyHeaderOptions): ReadonlyMap<string, string> {
  const headers = new Map(Object.entries(always));
  if (tls) headers.set("Strict-Transport-Security", "max-age=31536000");
  if (sandbox) headers.set("Lockkeeper-Sandbox", "true");
  return headers;
}
