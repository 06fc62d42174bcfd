import { isJsonObject } from "../json-object.ts";
import type { Reason } from "./decision.ts";

/** What a policy answered, once it is known to be well formed, or why it cannot be used. */
export type PolicyResult =
  | {
      readonly kind: "answer";
      readonly allow: boolean;
      readonly reasons: readonly Reason[];
      readonly obligations: readonly unknown[];
      readonly needs: readonly unknown[];
    }
  | { readonly kind: "undefined" }
  | { readonly kind: "malformed"; readonly what: string };

const CODE = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/;
const MAX_CODE = 64;
const MAX_MESSAGE = 512;
/** Of reasons, obligations and needs each, and of these lists' text as JSON: all of it has to fit into an audit record. */
const MAX_ENTRIES = 32;
const MAX_LIST = 4096;

/**
 * Reads the result set of one evaluation. Nothing in it is read by truthiness: `[{ "result": false }]` is truthy twice
 * over, and so is `"true"`.
 */
export function readResult(resultSet: unknown): PolicyResult {
  if (!Array.isArray(resultSet)) return malformed("the result set is not an array");
  if (resultSet.length === 0) return { kind: "undefined" };
  if (resultSet.length > 1) return malformed("there is more than one result");
  const [entry]: readonly unknown[] = resultSet;
  if (!isJsonObject(entry) || !hasOnly(entry, ["result"])) return malformed("the result set holds no single result");

  const { result } = entry;
  if (!isJsonObject(result)) return malformed("the result is not an object");
  if (!hasOnly(result, ["allow", "reasons", "obligations", "needs"])) return malformed("the result has unknown fields");
  const { allow, reasons, obligations, needs = [] } = result;
  if (typeof allow !== "boolean") return malformed("allow is not a boolean");
  if (!isReasons(reasons)) return malformed("reasons is not a short list of reasons with code and message");
  if (!isShortList(obligations)) return malformed("obligations is not a short list");
  if (!isShortList(needs)) return malformed("needs is not a short list");
  return { kind: "answer", allow, reasons, obligations, needs };
}

function malformed(what: string): PolicyResult {
  return { kind: "malformed", what };
}

function isReasons(value: unknown): value is readonly Reason[] {
  return isShortList(value) && value.every(isReason);
}

function isReason(value: unknown): value is Reason {
  if (!isJsonObject(value) || !hasOnly(value, ["code", "message"])) return false;
  const { code, message } = value;
  if (typeof code !== "string" || code.length > MAX_CODE || !CODE.test(code)) return false;
  return typeof message === "string" && message.length > 0 && message.length <= MAX_MESSAGE;
}

function isShortList(value: unknown): value is readonly unknown[] {
  if (!Array.isArray(value)) return false;
  return value.length === 0 || (value.length <= MAX_ENTRIES && JSON.stringify(value).length <= MAX_LIST);
}

function hasOnly(value: object, names: readonly string[]): boolean {
  return Object.keys(value).every((name) => names.includes(name));
}
