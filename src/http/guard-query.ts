import { LockkeeperError } from "../errors.ts";

/** Where a GET takes parameters in a query string. */
const withQuery: ReadonlySet<string> = new Set(["/v1/status-changes", "/v1/audit/records", "/v1/audit/consistency"]);

/**
 * One `name=value`. Of what RFC 3986 lets stand in a query, `+` and a second `=` are left out: some parsers take the one
 * for a blank, and where the name ends is not to be a question.
 */
const pair = /^([A-Za-z]+)=((?:[A-Za-z0-9._~!$'()*,;:@/?-]|%[0-9A-Fa-f]{2})+)$/;

/**
 * Refuses what parsers of query strings could take differently: repeated names, missing values, bytes that are no UTF-8.
 * @param query without its question mark
 * @throws LockkeeperError `malformed-request`
 */
export function guardQuery(method: string | undefined, path: string, query: string): void {
  if (!withQuery.has(path) || (method !== "GET" && method !== "HEAD")) {
    throw new LockkeeperError("malformed-request", "This operation takes no query string.");
  }
  const names = new Set<string>();
  for (const text of query.split("&")) {
    const [, name, value] = pair.exec(text) ?? [];
    if (name === undefined || value === undefined || names.has(name) || !isText(value)) {
      throw new LockkeeperError(
        "malformed-request",
        "The query string must be `name=value` pairs, each name once, no value empty, percent-encoded UTF-8 (write + as %2B and = as %3D).",
      );
    }
    names.add(name);
  }
}

function isText(encoded: string): boolean {
  try {
    decodeURIComponent(encoded);
    return true;
  } catch {
    return false;
  }
}
