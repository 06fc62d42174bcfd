import { readFile } from "node:fs/promises";
import { boundedBytes, exchangeFault } from "../../response-body.ts";
import { readArchive } from "../archive.ts";
import type { BundleSource, Look } from "./source.ts";

export interface HttpSourceOptions {
  readonly url: string;
  /** A file with a bearer token, read anew for each request so that it can be changed. */
  readonly tokenFile?: string | undefined;
  /** Seconds for which the service may wait for a newer bundle before it answers; 0 for an answer at once. */
  readonly waitSeconds: number;
  /** Milliseconds for an exchange, beside what the service may wait. */
  readonly deadlineMs: number;
  readonly maxBytes: number;
  readonly fetch?: typeof fetch;
}

/** By it a service says that it waits (openpolicyagent.org, "Bundles", "HTTP Long Polling"). */
const WAITS = "application/vnd.openpolicyagent.bundles";

/**
 * A bundle service as OPA knows it (openpolicyagent.org, "Bundles", "Bundle Service API"). Nobody there is trusted: an
 * exchange is bounded in time and size, and a redirect, which could take the token elsewhere, is not followed.
 */
export function httpSource(options: HttpSourceOptions): BundleSource {
  const { url, waitSeconds, deadlineMs, maxBytes, fetch: ask = fetch } = options;
  return {
    // The path may be as good as a password.
    name: `bundle service ${new URL(url).origin}`,
    async look(known, signal): Promise<Look> {
      const timeout = AbortSignal.timeout(deadlineMs + waitSeconds * 1000);
      const headers = {
        accept: "application/gzip, application/vnd.openpolicyagent.bundles, application/octet-stream",
        // It is compressed as it is; an answer that is packed once more would be unpacked before it is counted.
        "accept-encoding": "identity",
        prefer: `modes=snapshot${waitSeconds > 0 ? `;wait=${waitSeconds}` : ""}`,
        ...(known !== undefined && { "if-none-match": known }),
        ...(await authorization(options.tokenFile)),
      };
      try {
        const response = await ask(url, { headers, redirect: "manual", signal: AbortSignal.any([signal, timeout]) });
        const waited = waitSeconds > 0 && response.headers.get("content-type") === WAITS;
        if (response.status === 304 && known !== undefined) return { kind: "unchanged", waited };
        if (response.status !== 200) {
          await response.body?.cancel();
          throw new Error(statusFault(response.status));
        }
        // It would be unpacked on the way: most who say so mean the bundle's own compression.
        if (![null, "identity"].includes(response.headers.get("content-encoding"))) {
          await response.body?.cancel();
          throw new Error(
            "it answers with a Content-Encoding, though a bundle is compressed as it is: serve it without",
          );
        }
        const tooLarge = `the bundle has more than ${maxBytes} bytes (policy.maxBytes)`;
        const bytes = await boundedBytes(response, maxBytes, tooLarge);
        return {
          kind: "bundle",
          version: response.headers.get("etag") ?? undefined,
          files: () => readArchive(bytes),
          waited,
        };
      } catch (cause) {
        if (timeout.aborted) throw new Error("no answer in time", { cause });
        throw exchangeFault(cause);
      }
    },
  };
}

async function authorization(tokenFile: string | undefined): Promise<Readonly<Record<string, string>>> {
  if (tokenFile === undefined) return {};
  const token = (await readFile(tokenFile, "utf8")).trim();
  // What fetch says of a header that it does not take repeats it.
  if (!/^[\x21-\x7e]{1,8192}$/.test(token)) throw new Error("policy.tokenFile holds no bearer token");
  return { authorization: `Bearer ${token}` };
}

function statusFault(status: number): string {
  return status >= 300 && status < 400 && status !== 304
    ? `it answers with a redirect (${status}), which is not followed: configure the address itself`
    : `it answers with ${status}`;
}
