import { LockkeeperError } from "../errors.ts";
import { script } from "./checkout-only.ts";
import type { Output } from "./keys.ts";

/**
 * `lockkeeper policy check FOLDER`: format, strict check against the folder's schemas, tests, and what those cover.
 * @returns the exit code: 1 when something is wrong with the policies
 * @throws LockkeeperError when there are none, or nothing to check them with
 */
export async function policyCheck({ print, note }: Output, policies: string): Promise<0 | 1> {
  const { checkPolicies } = await script(() => import("../../scripts/check-policies.mjs"), "Policies are checked");
  try {
    return checkPolicies({ policies, print, note }) ? 0 : 1;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new LockkeeperError("policy-unavailable", why, {}, { cause });
  }
}
