// Plain JavaScript that Node 20 can read: which files of a folder belong to its policies.
import { readdirSync } from "node:fs";
import { join, relative, sep } from "node:path";

/**
 * All files in a folder, relative to it, with slashes, sorted.
 * @param {string} folder
 * @returns {string[]}
 */
export function filesIn(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      relative(folder, join(entry.parentPath ?? entry.path, entry.name))
        .split(sep)
        .join("/"),
    )
    .sort();
}
