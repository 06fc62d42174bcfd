import { fileURLToPath } from "node:url";
import type { Config } from "../config.ts";
import { LockkeeperError } from "../errors.ts";
import { type Bundle, loadBundle } from "./bundle.ts";
import { checkData, loadData, type PolicyData } from "./data.ts";

/** Where `npm run build:policies` puts them; in the image too. */
const builtBundle = fileURLToPath(new URL("../../build/policies/bundle.tar.gz", import.meta.url));

/**
 * The configured policies and the site's data, checked against each other.
 * @param given data in place of a file: the sandbox's
 * @throws LockkeeperError `policy-unavailable` for a bundle that cannot be read, `configuration` for data that is
 *   missing or does not fit it
 */
export function loadPolicy(
  { bundle: path, dataFile }: Config["policy"],
  given?: PolicyData,
): { readonly bundle: Bundle; readonly data: PolicyData } {
  const bundle = loadBundle(path ?? builtBundle);
  const data = given ?? (dataFile === undefined ? noData() : loadData(dataFile));
  checkData(bundle, data);
  return { bundle, data };
}

function noData(): never {
  throw new LockkeeperError(
    "configuration",
    "policy.dataFile (LOCKKEEPER_POLICY_DATA_FILE) is missing: name the JSON file that says who has which role. Start from policies/data.json, which grants nobody anything.",
  );
}
