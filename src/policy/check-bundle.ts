import { LockkeeperError } from "../errors.ts";
import { type Bundle, compileBundle } from "./bundle.ts";
import type { BundleFiles } from "./bundle-files.ts";
import { BundleRefusal } from "./bundle-refusal.ts";
import type { PolicyData } from "./data.ts";
import type { PolicyDecisionPoint } from "./pdp.ts";
import { isSlowTrial, type PreparedPolicy } from "./preparation.ts";
import { type Verification, verifyBundle } from "./signing/verify.ts";
import type { Look } from "./sources/source.ts";

/**
 * Unpacks what a source has given. What an archive says of itself is nobody's word yet, so it is not repeated.
 * @throws BundleRefusal `bundle-unreadable`
 */
export function unpacked(look: Extract<Look, { kind: "bundle" }>): BundleFiles {
  try {
    return look.files();
  } catch (cause) {
    const message = "The bundle is no archive that can be read, or a part of one.";
    throw new BundleRefusal("bundle-unreadable", message, { cause });
  }
}

/**
 * A bundle that is believed: by its signature, or, where none is asked for, as it is.
 * @throws BundleRefusal
 */
export async function believed(files: BundleFiles, verification: Verification | undefined): Promise<Bundle> {
  if (verification !== undefined) await verifyBundle(files, verification);
  try {
    return await compileBundle(files);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new BundleRefusal("bundle-unreadable", `The bundle is none for Lockkeeper: ${why}`, { cause });
  }
}

/**
 * A bundle made ready with the first of these data that it takes.
 * @throws BundleRefusal `data-unfit` or `bundle-not-working`
 */
export async function prepared(
  pdp: Pick<PolicyDecisionPoint, "prepare">,
  bundle: Bundle,
  candidates: readonly (PolicyData | undefined)[],
): Promise<PreparedPolicy> {
  let fault: unknown;
  let mayPass = false;
  for (const data of new Set(candidates)) {
    if (data === undefined) continue;
    try {
      return await pdp.prepare(bundle, data);
    } catch (error) {
      fault ??= error;
      mayPass ||= isSlowTrial(error);
    }
  }
  const isData = fault instanceof LockkeeperError && fault.code === "configuration";
  const message = fault instanceof Error ? fault.message : "There is no data for the policies.";
  throw new BundleRefusal(isData ? "data-unfit" : "bundle-not-working", message, { cause: fault, mayPass });
}
