import { boundedBytes, exchangeFault } from "../../response-body.ts";
import { MAX_CHECKPOINT_BYTES } from "./memory.ts";

/** How others are asked over HTTP. */
export interface HttpOptions {
  /** Milliseconds for the whole exchange. */
  readonly timeoutMs: number;
  readonly fetch?: typeof fetch;
}

export interface Exchange {
  readonly method: "GET" | "PUT" | "POST";
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/**
 * One HTTP exchange with somebody who is not trusted: bounded in time and size, and a redirect is an answer like any
 * other, never followed.
 * @throws Error when there is no whole answer in time
 */
export async function exchange(request: Exchange, { timeoutMs, fetch: ask = fetch }: HttpOptions): Promise<Answer> {
  const { url, ...rest } = request;
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    const response = await ask(url, { ...rest, redirect: "manual", signal });
    const tooLarge = `the answer has more than ${MAX_CHECKPOINT_BYTES} bytes`;
    const body = await boundedBytes(response, MAX_CHECKPOINT_BYTES, tooLarge);
    return { status: response.status, headers: response.headers, text: body.toString("utf8") };
  } catch (cause) {
    if (signal.aborted) throw new Error(`no answer within ${timeoutMs} ms`, { cause });
    throw exchangeFault(cause);
  }
}
