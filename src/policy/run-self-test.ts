import { type Evaluator, jsonBytes } from "./evaluator.ts";
import { type PolicyResult, readResult } from "./result.ts";
import type { SelfTestCase } from "./self-test.ts";

/** How one case came out: undefined when as expected, else what was decided instead. */
export interface SelfTestResult {
  readonly name: string;
  readonly fault: string | undefined;
}

/**
 * Puts one case before a bundle.
 * @param evaluator of the bundle with the self-test's own data
 * @throws Error whatever the policy throws
 */
export function runCase(selfTestCase: SelfTestCase, evaluator: Evaluator): SelfTestResult {
  return { name: selfTestCase.name, fault: faultOf(selfTestCase, evaluator) };
}

function faultOf({ input, allow, reasons }: SelfTestCase, evaluator: Evaluator): string | undefined {
  const result = readResult(evaluator.evaluate(jsonBytes(JSON.stringify(input))));
  const codes = result.kind === "answer" ? result.reasons.map(({ code }) => code) : [];
  const isAsExpected = allows(result) === allow && reasons.every((code) => codes.includes(code));
  if (isAsExpected && result.kind === "answer") return undefined;
  return `expected ${told(allow, reasons)}, got ${result.kind === "answer" ? told(allows(result), codes) : result.kind}`;
}

/** What the PDP would make of it: no obligation and no need is met here. */
function allows(result: PolicyResult): boolean {
  return result.kind === "answer" && result.allow && result.obligations.length === 0 && result.needs.length === 0;
}

function told(allow: boolean, codes: readonly string[]): string {
  return `${allow ? "allow" : "deny"}${codes.length > 0 ? ` (${codes.join(", ")})` : ""}`;
}
