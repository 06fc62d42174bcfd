import { basename } from "node:path";

const SURROGATE = /[\ud800-\udfff]/;

/** A number as it was written: `1.50` is not `1.5` to a hash. */
class NumberLiteral {
  readonly source: string;

  constructor(source: string) {
    this.source = source;
  }
}

/**
 * Whether OPA hashes a file over its canonical JSON and not over its bytes: `IsStructuredDoc` in OPA's
 * `bundle/bundle.go`. It knows `data.yaml` too, which {@link canonicalJson} refuses.
 */
export function isStructured(name: string): boolean {
  return ["data.json", "data.yaml", ".manifest"].includes(basename(name));
}

/**
 * The form of a JSON document over which OPA hashes it (`walk` in OPA's `bundle/hash.go`): keys in the order of their
 * UTF-8 bytes, no blanks, numbers as they were written, strings as Go's encoder writes them without escaping HTML.
 * @throws Error unless it is one JSON document in UTF-8 whose strings are whole
 */
export function canonicalJson(document: Uint8Array): string {
  const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(document);
  return written(JSON.parse(text, keepLiteral));
}

/** The third parameter of a reviver: https://tc39.es/proposal-json-parse-with-source/ */
function keepLiteral(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== "number") return value;
  if (context?.source === undefined) throw new Error("this runtime does not tell how a number was written");
  return new NumberLiteral(context.source);
}

function written(value: unknown): string {
  if (value instanceof NumberLiteral) return value.source;
  if (typeof value === "string") return writtenString(value);
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value)) return `[${value.map(written).join(",")}]`;
  const entries = Object.entries(value).sort(([a], [b]) => inOrderOfBytes(a, b));
  return `{${entries.map(([key, part]) => `${writtenString(key)}:${written(part)}`).join(",")}}`;
}

/** Surrogates stand before the end of the other characters in UTF-16, and behind all of them in UTF-8. */
function inOrderOfBytes(a: string, b: string): number {
  if (SURROGATE.test(a) || SURROGATE.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return a < b ? -1 : 1;
}

/** As JSON.stringify, but Go escapes the two line separators of Unicode. Half a surrogate pair it would replace. */
function writtenString(text: string): string {
  if (!text.isWellFormed()) throw new Error("a string in it holds half a surrogate pair");
  return JSON.stringify(text).replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");
}
