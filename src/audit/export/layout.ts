import { LockkeeperError } from "../../errors.ts";
import { HASH_BYTES } from "../../tlog/hash.ts";
import { TILE_WIDTH } from "../../tlog/tile.ts";

/** The newest signed head. It is written last: without it a folder is no export. */
export const CHECKPOINT = "checkpoint";
/** Every signed head, in order of their size. */
export const CHECKPOINTS = "checkpoints";
/** The public keys that signed them, one a line. */
export const KEYS = "keys";
/** Which bodies are not there. */
export const PRUNED = "pruned";
export const README = "README.txt";

/** Stands alone on a line behind each note in `checkpoints`; no line of a checkpoint is like it. */
export const SEPARATOR = "---";

/** Never changed: a later layout gets another first line. */
export const README_TEXT = `Lockkeeper audit log, export format 1

A transparency log (RFC 6962 Merkle tree over SHA-256) in the layout of c2sp.org/tlog-tiles.
  checkpoint        the newest signed head: a C2SP checkpoint (signed note, Ed25519)
  checkpoints       every signed head, the smallest first, each followed by a line "---"
  tile/<L>/<N>      hash tiles; tile/entries/<N>: the records, each behind its length (uint16, big endian)
  pruned            which records have no body any more: "<first> <last>" a line; their length is 0
  keys              the public keys that signed, by the log's own account: take them from elsewhere
A record is one OCSF 1.8 event as JSON; its leaf is SHA-256(0x00 || its bytes).
To check all of it:   lockkeeper audit verify <this folder> --key <public key>
or with any tlog-tiles client, such as golang.org/x/mod/sumdb/note and golang.org/x/mod/sumdb/tlog.
`;

/** Bodies one after another as tlog-tiles has them, each behind its length; null is one that was pruned. */
export function entryBundle(bodies: readonly (Uint8Array | null)[]): Buffer {
  const parts = bodies.flatMap((body) => {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(body?.length ?? 0);
    return body === null ? [length] : [length, body];
  });
  return Buffer.concat(parts);
}

/** @returns undefined unless it is a bundle of exactly `count` entries */
export function parseEntryBundle(bundle: Buffer, count: number): (Buffer | null)[] | undefined {
  const bodies: (Buffer | null)[] = [];
  let at = 0;
  while (at + 2 <= bundle.length && bodies.length < count) {
    const length = bundle.readUInt16BE(at);
    const end = at + 2 + length;
    bodies.push(length === 0 ? null : bundle.subarray(at + 2, end));
    at = end;
  }
  return at === bundle.length && bodies.length === count ? bodies : undefined;
}

/** @returns undefined unless it is a tile of exactly `count` hashes */
export function parseTile(tile: Buffer, count: number): Buffer[] | undefined {
  if (tile.length !== count * HASH_BYTES) return undefined;
  return Array.from({ length: count }, (_, at) => tile.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES));
}

/** Stretches of bodies that are not there. */
export class PrunedRanges {
  readonly #ranges: { readonly first: number; last: number }[] = [];

  add(index: number): void {
    const newest = this.#ranges.at(-1);
    if (newest !== undefined && newest.last === index - 1) newest.last = index;
    else this.#ranges.push({ first: index, last: index });
  }

  toString(): string {
    return this.#ranges.map(({ first, last }) => `${first} ${last}\n`).join("");
  }
}

/** Tiles of one level, and how many hashes they have, in a tree of that size. */
export function hashesIn(level: number, size: number): number {
  return Math.floor(size / TILE_WIDTH ** level);
}

/** How many hashes a tile has in a tree of that size; 0 of one that is not part of it. */
export function widthOf(level: number, index: number, size: number): number {
  return Math.max(0, Math.min(TILE_WIDTH, hashesIn(level, size) - index * TILE_WIDTH));
}

export function unreadable(message: string, cause?: unknown): LockkeeperError {
  return new LockkeeperError("audit-unreadable", message, {}, { cause });
}
