import { readFile } from "node:fs/promises";
import { type Exchange, exchange, type HttpOptions } from "./http-exchange.ts";
import { type Kept, keptCheckpoint } from "./kept-checkpoint.ts";
import type { OutsideMemory } from "./memory.ts";

export interface HttpMemoryOptions extends HttpOptions {
  /** `GET` answers the checkpoint as text/plain or 404, `PUT` keeps another. */
  readonly url: string;
  /** A file with a bearer token, read anew for each request so that it can be changed. */
  readonly tokenFile?: string | undefined;
}

/**
 * Remembers the newest checkpoint at an HTTP endpoint, such as an object of a bucket with versions. Where the endpoint
 * sends ETags, two gateways do not overwrite one another (RFC 9110, 13.1).
 */
export function httpMemory({ url, tokenFile, ...http }: HttpMemoryOptions): OutsideMemory {
  const ask = async ({ headers, ...request }: Omit<Exchange, "url">) => {
    const token = tokenFile === undefined ? undefined : (await readFile(tokenFile, "utf8")).trim();
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
    return exchange({ ...request, url, headers: { ...headers, ...authorization } }, http);
  };
  return keptCheckpoint({
    // The path may be as good as a password.
    name: `endpoint ${new URL(url).origin}`,
    async read() {
      const { status, text, headers } = await ask({ method: "GET", headers: { accept: "text/plain" } });
      if (status === 404) return undefined;
      if (status !== 200) throw new Error(`GET was answered with ${status}`);
      const version = headers.get("etag");
      return { text, ...(version !== null && { version }) };
    },
    async write(text, before) {
      const { status } = await ask({
        method: "PUT",
        body: text,
        headers: { "content-type": "text/plain; charset=utf-8", ...condition(before) },
      });
      if (status === 412) throw new Error("another gateway has sent a checkpoint in the meantime");
      if (status < 200 || status > 299) throw new Error(`PUT was answered with ${status}`);
    },
  });
}

/** A weak ETag (`W/…`) never matches (RFC 9110, 13.1.1). */
function condition(before: Kept | undefined): Readonly<Record<string, string>> {
  if (before === undefined) return { "if-none-match": "*" };
  return before.version === undefined || before.version.startsWith("W/") ? {} : { "if-match": before.version };
}
