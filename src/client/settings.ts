/**
 * The gateway's address without a slash at its end.
 * @throws TypeError when it cannot be used. It is not repeated: somebody may have put a password in
 */
export function checkedBaseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new TypeError("The gateway's URL must begin with https:// or http://.");
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "")
    throw new TypeError("The gateway's URL must have no user name, password, query or fragment.");
  return url.href.replace(/\/+$/, "");
}

/** What gives the value of `Authorization`. Its errors never show the token: fetch's own would. */
export function authorizationOf(token: string | (() => string | Promise<string>)): () => Promise<string> {
  if (typeof token === "string") {
    const value = headerValue(token);
    return async () => value;
  }
  return async () => headerValue(await token());
}

/** What AWS STS is asked about comes with the scheme of its own; everything else is a bearer token. */
function headerValue(token: string): string {
  if (/^AWS-STS [A-Za-z0-9_-]+$/.test(token)) return token;
  if (!/^[!-~]+$/.test(token)) {
    throw new TypeError("The token is empty or has blanks, line breaks or other characters that no token has.");
  }
  return `Bearer ${token}`;
}

/** @throws TypeError for what would lead to another path: `.` and `..` are not escaped in URLs */
export function segment(value: string): string {
  if (/^\.{0,2}$/.test(value)) throw new TypeError("A name or id that is empty, or dots alone, cannot stand in a URL.");
  return value;
}
