/**
 * The body of somebody's answer who is not trusted: no more of it is read than may be.
 * @param tooLarge what the error says
 * @throws Error when there is more than `maxBytes`
 */
export async function boundedBytes(response: Response, maxBytes: number, tooLarge: string): Promise<Buffer> {
  const reader = response.body?.getReader();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  while (reader !== undefined) {
    const { done, value } = await reader.read();
    if (done) break;
    bytes += value.byteLength;
    if (bytes > maxBytes) {
      await reader.cancel();
      throw new Error(tooLarge);
    }
    chunks.push(value);
  }
  return Buffer.concat(chunks);
}

/** Why an exchange failed. `fetch` says only that it did; its cause says why. */
export function exchangeFault(cause: unknown): Error {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  return new Error(inner instanceof Error ? inner.message : String(inner), { cause });
}
