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
    return { status: response.status, headers: response.headers, text: await boundedText(response) };
  } catch (cause) {
    if (signal.aborted) throw new Error(`no answer within ${timeoutMs} ms`, { cause });
    // fetch says only that it failed; its cause says why.
    const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
    throw new Error(inner instanceof Error ? inner.message : String(inner), { cause });
  }
}

async function boundedText(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  while (reader !== undefined) {
    const { done, value } = await reader.read();
    if (done) break;
    bytes += value.byteLength;
    if (bytes > MAX_CHECKPOINT_BYTES) {
      await reader.cancel();
      throw new Error(`the answer has more than ${MAX_CHECKPOINT_BYTES} bytes`);
    }
    chunks.push(value);
  }
  return Buffer.concat(chunks).toString("utf8");
}
