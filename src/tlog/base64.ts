/**
 * The bytes of standard base64 (RFC 4648, section 4), padded and in the one way of writing them; undefined for anything
 * else, so that no two texts mean the same.
 */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : undefined;
}

/** A number as ASCII digits without leading zeroes; undefined for anything else, and beyond 2^53 - 1. */
export function decodeDecimal(text: string): number | undefined {
  if (!/^(?:0|[1-9][0-9]{0,15})$/.test(text)) return undefined;
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : undefined;
}
