import { LockkeeperError } from "../errors.ts";
import type { Bundle } from "./bundle.ts";
import { checkData } from "./data.ts";
import { type Evaluator, jsonBytes } from "./evaluator.ts";
import { type PolicyResult, readResult } from "./result.ts";
import type { SelfTest, SelfTestCase } from "./self-test.ts";

/** How one case came out: undefined when as expected, else what was decided instead. */
export interface SelfTestResult {
  readonly name: string;
  readonly fault: string | undefined;
}

/**
 * Checks the data that a self-test brings as if it were a site's: no gateway takes a bundle whose own does not fit it.
 * @throws LockkeeperError `configuration` with every fault
 */
export function checkSelfTestData(bundle: Bundle, { data }: SelfTest): void {
  try {
    checkData(bundle, data);
  } catch (cause) {
    if (!(cause instanceof LockkeeperError)) throw cause;
    throw new LockkeeperError("configuration", `In its self-test: ${cause.message}`, cause.details, { cause });
  }
}

/**
 * Puts one case before a bundle.
 * @param evaluator of the bundle with the self-test's own data
 * @throws Error whatever the policy throws
 */
export function runCase(selfTestCase: SelfTestCase, evaluator: Evaluator): SelfTestResult {
  return { name: selfTestCase.name, fault: faultOf(selfTestCase, evaluator) };
}

function faultOf({ input, allow, reasons, needs }: SelfTestCase, evaluator: Evaluator): string | undefined {
  const result = readResult(evaluator.evaluate(jsonBytes(JSON.stringify(input))));
  const codes = result.kind === "answer" ? result.reasons.map(({ code }) => code) : [];
  const asked = result.kind === "answer" ? result.needs.map(String) : [];
  const isAsExpected =
    allows(result) === allow &&
    reasons.every((code) => codes.includes(code)) &&
    (needs === undefined || needs.toSorted().join() === asked.toSorted().join());
  if (isAsExpected && result.kind === "answer") return undefined;
  const got = result.kind === "answer" ? told(allows(result), codes, asked) : result.kind;
  return `expected ${told(allow, reasons, needs)}, got ${got}`;
}

/** What the PDP would make of it: no obligation and no need is met here. */
function allows(result: PolicyResult): boolean {
  return result.kind === "answer" && result.allow && result.obligations.length === 0 && result.needs.length === 0;
}

function told(allow: boolean, codes: readonly string[], needs: readonly string[] = []): string {
  const why = codes.length > 0 ? ` (${codes.join(", ")})` : "";
  return `${allow ? "allow" : "deny"}${why}${needs.length > 0 ? `, asking for ${needs.join(" and ")}` : ""}`;
}
