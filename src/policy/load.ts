import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Config } from "../config.ts";
import { LockkeeperError } from "../errors.ts";
import { loadBundle } from "./bundle.ts";
import { checkData, type DataSource, dataFile, fixedData, loadData, type PolicyData } from "./data.ts";
import { DataShelf } from "./data-shelf.ts";
import { BundleShelf } from "./shelf.ts";
import { readVerificationKey } from "./signing/key.ts";
import type { Verification } from "./signing/verify.ts";
import { fileSource } from "./sources/file.ts";
import { httpSource } from "./sources/http.ts";
import type { BundleSource } from "./sources/source.ts";
import { PolicyUpdates, type PolicyUpdatesOptions } from "./updates.ts";

/** Where `npm run build:policies` puts them; in the image too. */
const builtBundle = fileURLToPath(new URL("../../build/policies/bundle.tar.gz", import.meta.url));

const HOUR_MS = 3_600_000;

/**
 * Looks at the configured policies, as far as they are on this machine, and the site's data, checked against each other.
 * @throws LockkeeperError `policy-unavailable` for a bundle that cannot be read, `configuration` for data that is
 *   missing or does not fit it, or a key that is of no use
 */
export function checkPolicy({ bundle: path, url, dataFile: file, verification }: Config["policy"]): void {
  if (verification !== undefined) readVerificationKey(verification.keyFile, verification.algorithm);
  const data = file === undefined ? noData() : loadData(file);
  if (url === undefined) checkData(loadBundle(path ?? builtBundle), data);
}

/** What the sandbox has in place of configured policies. */
export interface GivenPolicies {
  readonly data?: PolicyData | undefined;
  /** Path of a bundle that is followed as the one that comes along is: whatever it holds is its newest. */
  readonly bundle?: string | undefined;
}

/**
 * The configured policies and the site's data, ready to be put in force and kept up to date.
 * @throws LockkeeperError `configuration` for data that is missing or a key that is of no use, `policy-unavailable` for
 *   what is remembered of earlier bundles and cannot be read
 */
export async function policyUpdates(
  { policy, dataDir }: Pick<Config, "policy" | "dataDir">,
  parts: Pick<PolicyUpdatesOptions, "pdp" | "clock" | "onEvent">,
  given: GivenPolicies = {},
): Promise<PolicyUpdates> {
  const { bundle, url, verification, allowRollbackTo, pollMs, maxAgeHours } = policy;
  const isConfigured = given.bundle === undefined && (bundle !== undefined || url !== undefined);
  const shelf = await BundleShelf.open({
    // The policies that come along are replaced together with the program, in both directions.
    folder: isConfigured ? join(dataDir, "policy") : undefined,
    allowRollbackTo,
    dated: verification !== undefined,
  });
  return new PolicyUpdates({
    ...parts,
    source: given.bundle === undefined ? sourceOf(policy) : fileSource(given.bundle),
    data: dataOf(policy, given.data),
    shelf,
    dataShelf: await DataShelf.open(join(dataDir, "policy-data")),
    verification: verification && verificationOf(verification),
    pollMs,
    maxAgeMs: maxAgeHours === undefined ? undefined : maxAgeHours * HOUR_MS,
  });
}

function sourceOf({ bundle, url, tokenFile, longPollSeconds, deadlineMs, maxBytes }: Config["policy"]): BundleSource {
  if (url === undefined) return fileSource(bundle ?? builtBundle);
  return httpSource({ url, tokenFile, waitSeconds: longPollSeconds, deadlineMs, maxBytes });
}

function verificationOf(configured: NonNullable<Config["policy"]["verification"]>): Verification {
  const { keyFile, algorithm, keyId, scope } = configured;
  return { key: readVerificationKey(keyFile, algorithm), algorithm, keyId, scope };
}

function dataOf({ dataFile: file }: Config["policy"], given: PolicyData | undefined): DataSource {
  if (given !== undefined) return fixedData(given);
  return file === undefined ? noData() : dataFile(file);
}

function noData(): never {
  throw new LockkeeperError(
    "configuration",
    "policy.dataFile (LOCKKEEPER_POLICY_DATA_FILE) is missing: name the JSON file that says who has which role. Start from policies/data.json, which grants nobody anything.",
  );
}
