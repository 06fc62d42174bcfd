import { incompleteSignature } from "./refusals.ts";
import type { SignedRequest } from "./signed-request.ts";

const maxHeaders = 100;
const maxHeaderCharacters = 16 * 1024;

/**
 * Those whose second value would be believed by one reader and overlooked by the next, signed or not. What must be
 * signed is not among them: no signed header may be repeated.
 */
const singleHeaders = ["authorization", "content-length", "transfer-encoding", "date"];

/** A request's headers by their lower-case names, each with its only value. */
export interface RequestHeaders {
  /** Every name, also those that were repeated. */
  readonly names: ReadonlySet<string>;
  /** Sent more than once. */
  readonly repeated: ReadonlySet<string>;
  /** The value; the first one of a repeated header. */
  get(name: string): string | undefined;
}

/**
 * Reads the headers of a request, each once.
 * @throws AwsRefusal 400 `IncompleteSignature` when there are too many, or when one that must be unambiguous (RFC 9110,
 *   section 5.3) is repeated
 */
export function readHeaders(headers: SignedRequest["headers"]): RequestHeaders {
  if (headers.length > maxHeaders) throw incompleteSignature(`The request has more than ${maxHeaders} headers.`);
  const values = new Map<string, string>();
  const repeated = new Set<string>();
  let characters = 0;
  for (const [sentName, value] of headers) {
    characters += sentName.length + value.length;
    const name = sentName.toLowerCase();
    if (values.has(name)) repeated.add(name);
    else values.set(name, value);
  }
  if (characters > maxHeaderCharacters) {
    throw incompleteSignature(`The headers are over ${maxHeaderCharacters / 1024} KiB.`);
  }
  if (singleHeaders.some((name) => repeated.has(name))) {
    throw incompleteSignature(
      "'Authorization', 'Content-Length', 'Transfer-Encoding' and 'Date' can be sent once only.",
    );
  }
  return { names: new Set(values.keys()), repeated, get: (name) => values.get(name) };
}
