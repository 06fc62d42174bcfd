import { statSync } from "node:fs";
import { readBundleFiles } from "../bundle.ts";
import { fileVersion, folderVersion } from "../bundle-files.ts";
import type { BundleSource } from "./source.ts";

/**
 * A bundle in a file, or unpacked in a folder.
 * @param path to be replaced as a whole (`mv`): one that is written to in place is refused until it is complete
 */
export function fileSource(path: string): BundleSource {
  return {
    name: `bundle ${path}`,
    async look(known) {
      const version = statSync(path).isDirectory() ? folderVersion(path) : fileVersion(path);
      return version === known
        ? { kind: "unchanged" }
        : { kind: "bundle", version, files: () => readBundleFiles(path) };
    },
  };
}
