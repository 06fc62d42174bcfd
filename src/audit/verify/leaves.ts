import { hash } from "node:crypto";
import { HASH_BYTES } from "../../tlog/hash.ts";
import type { LogEntry } from "../log-reader.ts";

/** Bodies and their stored leaf hashes, packed so that another thread can take them over. */
export interface Leaves {
  /** 0x00 and a body, and so on: what RFC 6962, 2.1 makes leaf hashes of. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Where each ends in `bytes`. */
  readonly ends: Uint32Array<ArrayBuffer>;
  /** 32 bytes each. */
  readonly hashes: Uint8Array<ArrayBuffer>;
}

/**
 * Packs the entries that have a body and a hash of 32 bytes; `indexes` says which they are.
 * @param spare to be used if it is large enough: new memory costs more than what is put into it
 */
export function packLeaves(
  entries: readonly LogEntry[],
  spare?: ArrayBuffer,
): { readonly indexes: readonly number[]; readonly leaves: Leaves } {
  const indexes: number[] = [];
  let length = 0;
  for (const { index, body, leafHash } of entries) {
    if (body === null || leafHash.length !== HASH_BYTES) continue;
    indexes.push(index);
    length += 1 + body.length;
  }
  const bytes = new Uint8Array(spare !== undefined && spare.byteLength >= length ? spare : new ArrayBuffer(length));
  const ends = new Uint32Array(indexes.length);
  const hashes = new Uint8Array(indexes.length * HASH_BYTES);
  let [at, end] = [0, 0];
  for (const { body, leafHash } of entries) {
    if (body === null || leafHash.length !== HASH_BYTES) continue;
    bytes[end] = 0;
    bytes.set(body, end + 1);
    end += 1 + body.length;
    ends[at] = end;
    hashes.set(leafHash, at * HASH_BYTES);
    at += 1;
  }
  return { indexes, leaves: { bytes, ends, hashes } };
}

/** @returns which of them are not what was hashed, counted from 0 */
export function wrongLeaves({ bytes, ends, hashes }: Leaves): number[] {
  const stored = Buffer.from(hashes.buffer);
  const wrong: number[] = [];
  let start = 0;
  for (const [at, end] of ends.entries()) {
    // Node makes a string of a digest in less than half the time that it takes for a buffer.
    const made = hash("sha256", bytes.subarray(start, end), "binary");
    if (made !== stored.toString("latin1", at * HASH_BYTES, (at + 1) * HASH_BYTES)) wrong.push(at);
    start = end;
  }
  return wrong;
}
