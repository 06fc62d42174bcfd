import { LockkeeperError } from "../errors.ts";
import type { Output } from "./keys.ts";

/**
 * `lockkeeper policy check FOLDER`: format, strict check against the folder's schemas, tests, and what those cover.
 * @returns the exit code: 1 when something is wrong with the policies
 * @throws LockkeeperError when there are none, or nothing to check them with
 */
export async function policyCheck({ print, note }: Output, policies: string): Promise<0 | 1> {
  const { checkPolicies } = await checker();
  try {
    return checkPolicies({ policies, print, note }) ? 0 : 1;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new LockkeeperError("policy-unavailable", why, {}, { cause });
  }
}

/** The scripts, and the compiler that they find, are part of a checkout and of the package, but not of the image. */
async function checker(): Promise<typeof import("../../scripts/check-policies.mjs")> {
  try {
    return await import("../../scripts/check-policies.mjs");
  } catch (cause) {
    const message =
      "Policies are checked in a checkout of Lockkeeper or with its npm package: its scripts are not here.";
    throw new LockkeeperError("configuration", message, {}, { cause });
  }
}
