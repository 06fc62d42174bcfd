import type { GrowingTree } from "../../tlog/growing-tree.ts";
import { TILE_WIDTH, tilePath } from "../../tlog/tile.ts";
import type { ExportFolder } from "./folder.ts";

/** Writes the tiles above the leaves of a tree while it grows. */
export class HigherTiles {
  readonly #tree: GrowingTree;
  readonly #folder: Pick<ExportFolder, "write">;
  /** Of each level from 1 on, the tile that is not full yet. */
  readonly #open: { index: number; hashes: Buffer[] }[] = [];

  constructor(tree: GrowingTree, folder: Pick<ExportFolder, "write">) {
    this.#tree = tree;
    this.#folder = folder;
  }

  /** Takes the nodes that were finished since the last call; the tree is marked. */
  async take(): Promise<void> {
    for (const { level, hash } of this.#tree.newNodes()) {
      const row = this.#row(level);
      row.hashes.push(hash);
      if (row.hashes.length < TILE_WIDTH) continue;
      await this.#write(level, row);
      row.hashes = [];
      row.index += 1;
    }
    this.#tree.mark();
  }

  /** Writes those that are not full. */
  async end(): Promise<void> {
    for (const [at, row] of this.#open.entries()) if (row.hashes.length > 0) await this.#write(at + 1, row);
  }

  #row(level: number): { index: number; hashes: Buffer[] } {
    const row = this.#open[level - 1] ?? { index: 0, hashes: [] };
    this.#open[level - 1] = row;
    return row;
  }

  #write(level: number, { index, hashes }: { readonly index: number; readonly hashes: readonly Buffer[] }) {
    return this.#folder.write(tilePath({ level, index, width: hashes.length }), Buffer.concat(hashes));
  }
}
