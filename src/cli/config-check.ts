import { stringify } from "yaml";
import { configDigest } from "../config/digest.ts";
import { type ConfigSources, loadConfig } from "../config.ts";
import { LockkeeperError } from "../errors.ts";
import { checkPolicy } from "../policy/load.ts";

/**
 * `lockkeeper config check [--config FILE]`: prints every fault, or what is in force. Reads the policies and
 * their data as well. Starts nothing.
 * @returns the exit code: 0 for a sound configuration, 1 for a faulty one
 */
export function configCheck(sources: ConfigSources, print: (line: string) => void): 0 | 1 {
  try {
    const config = loadConfig(sources);
    checkPolicy(config.policy);
    print("ok");
    print("");
    // A configuration holds no secrets: keys and certificates are named as files.
    print(stringify(config).trimEnd());
    print("");
    print(`digest: ${configDigest(config)}`);
    return 0;
  } catch (error) {
    if (!(error instanceof LockkeeperError)) throw error;
    print(error.message);
    return 1;
  }
}
