import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { MAX_UNPACKED } from "./archive.ts";

/** What a bundle holds: each file by its path inside the bundle, without a leading slash. */
export type BundleFiles = ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

/** More files than any bundle has: looking at a folder that was meant to be another one ends. */
const MAX_FILES = 10_000;

/**
 * Reads a bundle that lies unpacked in a folder.
 * @throws Error for anything but files and folders in it, and beyond 64 MiB or 10,000 files
 */
export function readFolder(folder: string): BundleFiles {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  let bytes = 0;
  for (const { path, name } of filesIn(folder)) {
    bytes += statSync(path).size;
    if (bytes > MAX_UNPACKED) throw new Error("the folder holds more than 64 MiB");
    files.set(name, Uint8Array.from(readFileSync(path)));
  }
  return files;
}

/** Changes whenever a file in the folder does. Cheap: no file is read. */
export function folderVersion(folder: string): string {
  return filesIn(folder)
    .map(({ path, name }) => `${name} ${fileVersion(path)}`)
    .join("\n");
}

/** Changes whenever the file does: it is replaced, written to, or made to look older. */
export function fileVersion(path: string): string {
  const { ino, size, mtimeMs, ctimeMs } = statSync(path);
  return [ino, size, mtimeMs, ctimeMs].join(" ");
}

/** SHA-256, hex, over the names and contents of a bundle's files: the same however they were packed. */
export function filesDigest(files: BundleFiles): string {
  const hash = createHash("sha256");
  for (const [name, content] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`${name.length} ${name} ${content.length}\n`).update(content);
  }
  return hash.digest("hex");
}

function filesIn(folder: string): { readonly path: string; readonly name: string }[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  if (entries.length > MAX_FILES) throw new Error(`the folder holds more than ${MAX_FILES} files`);
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      const name = relative(folder, path).split(sep).join("/");
      if (!entry.isFile()) throw new Error(`the folder holds something that is no file: ${name}`);
      return { path, name };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
