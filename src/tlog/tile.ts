/**
 * A row of hashes of the tree, as c2sp.org/tlog-tiles cuts it: level 0 holds leaf hashes, level L the roots of complete
 * subtrees of 256^L leaves. Tile `index` of a level begins at its hash `256 * index`.
 */
export interface TileRef {
  readonly level: number;
  readonly index: number;
  /** How many of its hashes, 1 to 256. */
  readonly width: number;
}

/** Reads a tile: exactly `width` hashes of 32 bytes. */
export type TileSource = (tile: TileRef) => readonly Uint8Array[];

/** Hashes in a full tile. */
export const TILE_WIDTH = 256;

/** Where c2sp.org/tlog-tiles puts a tile below the log's prefix: `tile/0/x001/x234/067`, `tile/1/000.p/17`. */
export function tilePath({ level, index, width }: TileRef): string {
  return `tile/${level}/${numbered(index, width)}`;
}

/** Where c2sp.org/tlog-tiles puts the entries whose hashes are tile `index` of level 0. */
export function entriesPath({ index, width }: Omit<TileRef, "level">): string {
  return `tile/entries/${numbered(index, width)}`;
}

/**
 * What `tilePath` wrote; undefined for anything else: paths are hostile input. Levels end at 6: a tree of 2^53 leaves has
 * no higher one.
 */
export function parseTilePath(path: string): TileRef | undefined {
  const [, level, number, width = TILE_WIDTH] =
    /^tile\/([0-6])\/((?:x[0-9]{3}\/){0,5}[0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/.exec(path) ?? [];
  if (level === undefined || number === undefined) return undefined;
  const tile = { level: Number(level), index: Number(number.replace(/[x/]/g, "")), width: Number(width) };
  if (!Number.isSafeInteger(tile.index) || tile.width > TILE_WIDTH) return undefined;
  // Only one path leads to a tile: no needless x000, no `.p/256`.
  return tilePath(tile) === path ? tile : undefined;
}

function numbered(index: number, width: number): string {
  const digits = String(index);
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, "0");
  const groups = padded.match(/.{3}/g) ?? [];
  const path = groups.map((group, at) => (at === groups.length - 1 ? group : `x${group}`)).join("/");
  return width === TILE_WIDTH ? path : `${path}.p/${width}`;
}
