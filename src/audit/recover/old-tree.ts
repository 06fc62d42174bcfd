import { parseCheckpoint } from "../../tlog/checkpoint.ts";
import { NoteError, openNote, parseVerifier } from "../../tlog/note.ts";
import { inclusionProof, inclusionTiles, verifyInclusion } from "../../tlog/proof.ts";
import type { TileRef } from "../../tlog/tile.ts";
import { keysUnder } from "../lineage.ts";
import type { LogKeys } from "../log-keys.ts";
import type { Sql } from "../sql.ts";
import type { OldLog } from "./old-log.ts";

/** Tiles that are kept, of at most 8 KiB each: records come in order, so their paths share most of them. */
const MAX_TILES = 256;

/** The tree of a log that is given up, under its newest signed head, to prove by it what is taken from that log. */
export class OldTree {
  readonly #sql: Sql;
  readonly #head: { readonly size: number; readonly root: Uint8Array } | undefined;
  readonly #tiles = new Map<string, readonly Uint8Array[]>();

  /** @param keys as configured: a head that none of them has signed proves nothing */
  constructor(sql: Sql, { origin, checkpoint }: Pick<OldLog, "origin" | "checkpoint">, keys: LogKeys) {
    this.#sql = sql;
    this.#head = believedHead(origin, checkpoint, keys);
  }

  /** Whether a leaf is in the tree that was signed: the record is the one that was written at that index. */
  async proves(index: number, leaf: Uint8Array): Promise<boolean> {
    if (this.#head === undefined || index >= this.#head.size) return false;
    const { size, root } = this.#head;
    const tiles = new Map<string, readonly Uint8Array[]>();
    for (const tile of inclusionTiles(index, size)) {
      const hashes = await this.#tile(tile);
      if (hashes.length !== tile.width) return false;
      tiles.set(nameOf(tile), hashes);
    }
    const proof = inclusionProof(index, size, (tile) => tiles.get(nameOf(tile)) ?? []);
    return verifyInclusion({ leaf, index, size, proof, root });
  }

  async #tile(tile: TileRef): Promise<readonly Uint8Array[]> {
    const { level, index, width } = tile;
    const known = this.#tiles.get(nameOf(tile));
    if (known !== undefined) return known;
    const [first, last] = [index * 256, index * 256 + width - 1];
    const rows =
      level === 0
        ? await this.#sql.all(
            "SELECT leaf_hash AS hash FROM records WHERE idx BETWEEN $1 AND $2 ORDER BY idx",
            first,
            last,
          )
        : await this.#sql.all(
            "SELECT hash FROM nodes WHERE level = $1 AND idx BETWEEN $2 AND $3 ORDER BY idx",
            level,
            first,
            last,
          );
    const hashes = rows.flatMap(({ hash }) => (hash instanceof Uint8Array && hash.length === 32 ? [hash] : []));
    const [oldest] = this.#tiles.keys();
    if (this.#tiles.size >= MAX_TILES && oldest !== undefined) this.#tiles.delete(oldest);
    this.#tiles.set(nameOf(tile), hashes);
    return hashes;
  }
}

function nameOf({ level, index, width }: TileRef): string {
  return `${level}/${index}.${width}`;
}

function believedHead(origin: string, checkpoint: string | null, keys: LogKeys) {
  const named = keysUnder(keys, origin);
  if (checkpoint === null || named === undefined) return undefined;
  try {
    const head = parseCheckpoint(openNote(checkpoint, named.trustedKeys.map(parseVerifier)).text);
    return head.origin === origin ? head : undefined;
  } catch (error) {
    if (error instanceof NoteError) return undefined;
    throw error;
  }
}
