import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { entriesPath, parseTilePath, type TileRef, tilePath } from "../../tlog/tile.ts";
import {
  CHECKPOINT,
  CHECKPOINTS,
  KEYS,
  PRUNED,
  parseEntryBundle,
  parseTile,
  README,
  unreadable,
  widthOf,
} from "./layout.ts";

const UNFINISHED = ".unfinished-";

/** A folder with an export in it, or one that is to become one. */
export class ExportFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** @throws LockkeeperError `audit-unreadable` when it is there and cannot be read */
  async read(name: string): Promise<Buffer | undefined> {
    try {
      return await readFile(join(this.path, name));
    } catch (cause) {
      const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
      if (code === "ENOENT" || code === "ENOTDIR") return undefined;
      throw unreadable(`${join(this.path, name)} cannot be read: ${String(code)}.`, cause);
    }
  }

  /** Puts a file in its place as a whole. */
  async write(name: string, content: string | Uint8Array | AsyncIterable<string>): Promise<void> {
    const file = join(this.path, name);
    const draft = join(dirname(file), `${UNFINISHED}${randomUUID()}`);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(draft, content);
    await rename(draft, file);
  }

  /** The hashes of a tile; undefined when there is no sound one. */
  async tile(tile: TileRef): Promise<Buffer[] | undefined> {
    const bytes = await this.read(tilePath(tile));
    return bytes && parseTile(bytes, tile.width);
  }

  /** The bodies whose hashes are in a tile of level 0; undefined when there is no sound bundle of them. */
  async entries(tile: Omit<TileRef, "level">): Promise<(Buffer | null)[] | undefined> {
    const bytes = await this.read(entriesPath(tile));
    return bytes && parseEntryBundle(bytes, tile.width);
  }

  /** What lies beside the files and the folder of an export. */
  async beside(): Promise<readonly string[]> {
    const known = new Set<string>([CHECKPOINT, CHECKPOINTS, KEYS, PRUNED, README, "tile"]);
    const found = await readdir(this.path).catch(() => []);
    return found.filter((name) => !known.has(name));
  }

  /** Files below `tile/` that are not part of the tree of that size. */
  async *strays(size: number): AsyncGenerator<string> {
    const root = join(this.path, "tile");
    const found = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => []);
    for (const entry of found) {
      if (entry.isDirectory()) continue;
      const name = relative(this.path, join(entry.parentPath, entry.name)).split(sep).join("/");
      if (!belongs(name, size)) yield name;
    }
  }

  /** Removes what earlier sizes and interrupted runs have left. */
  async sweep(size: number): Promise<void> {
    for await (const name of this.strays(size)) {
      const file = join(this.path, name);
      await rm(file);
      // A folder of partial tiles that is empty now.
      if (dirname(name).endsWith(".p")) await rmdir(dirname(file)).catch(() => {});
    }
    for (const name of await readdir(this.path)) {
      if (name.startsWith(UNFINISHED)) await rm(join(this.path, name));
    }
  }
}

function belongs(name: string, size: number): boolean {
  const tile = parseTilePath(name.replace(/^tile\/entries\//, "tile/0/"));
  return tile !== undefined && widthOf(tile.level, tile.index, size) === tile.width;
}
