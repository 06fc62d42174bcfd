import { jsonBytes } from "./evaluator.ts";
import type { PolicyInput } from "./input.ts";

/** Far more than a request of 16 KiB and a token's claims make, and small enough for an audit record. */
const MAX_BYTES = 32 * 1024;

/** The input as JSON in bytes, or the code of why it cannot be put before policy. Never throws. */
export function encodeInput(input: PolicyInput): ArrayBuffer | "policy-input-malformed" | "policy-input-too-large" {
  let json: unknown;
  try {
    json = JSON.stringify(input);
  } catch {
    return "policy-input-malformed";
  }
  if (typeof json !== "string" || holdsLoneSurrogate(json)) return "policy-input-malformed";
  const bytes = jsonBytes(json);
  return bytes.byteLength > MAX_BYTES ? "policy-input-too-large" : bytes;
}

/**
 * Half a surrogate pair, which JSON.stringify writes as an escape. OPA in WebAssembly aborts on it, so a caller could
 * have an instance thrown away with every request.
 */
function holdsLoneSurrogate(json: string): boolean {
  return json.includes("\\ud") && /(?<!\\)(?:\\\\)*\\ud[89a-f]/.test(json);
}
