import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/**
 * A folder outside the tree that `make` fills once, and that stays for later runs: below `$XDG_CACHE_HOME`, by default
 * `~/.cache` (XDG Base Directory Specification). What is there is whole: it is made beside and then moved.
 * @param contents what decides what is in it
 */
export function cached(name: string, contents: string, make: (folder: string) => void): string {
  const cache = process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache");
  const digest = createHash("sha256").update(contents).digest("hex").slice(0, 16);
  const place = join(cache, "lockkeeper", `${name}-${digest}`);
  if (existsSync(place)) return place;
  mkdirSync(join(cache, "lockkeeper"), { recursive: true });
  const folder = mkdtempSync(`${place}-`);
  try {
    make(folder);
    renameSync(folder, place);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    // Another run may have been first.
    if (!existsSync(place)) throw error;
  }
  return place;
}

/**
 * Runs a command.
 * @returns its standard output
 * @throws Error with what it said when it cannot be run or fails
 */
export function succeed(command: string, args: readonly string[], options: { readonly cwd?: string } = {}): string {
  const { error, status, stdout, stderr } = spawnSync(command, args, { ...options, encoding: "utf8" });
  if (error !== undefined) throw new Error(`${command}: ${error.message}`, { cause: error });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${status}:\n${stderr || stdout}`);
  return stdout;
}
