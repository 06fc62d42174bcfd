import { createHash } from "node:crypto";
import { LockkeeperError } from "../errors.ts";

/** What a cursor goes with: who searches, and for what. */
export type Search = readonly (string | number | null)[];

const POSITION_BYTES = 6;
const DIGEST_BYTES = 16;

/**
 * Where a search goes on, as text that callers hand back as it is: the position and a digest of the search, so that it
 * does not fit another one. It is no secret and opens nothing: whoever makes one up searches from another position, with
 * what policy lets them search.
 * @param before index of a record, below 2^48
 */
export function searchCursor(before: number, search: Search): string {
  const cursor = Buffer.alloc(POSITION_BYTES + DIGEST_BYTES);
  cursor.writeUIntBE(before, 0, POSITION_BYTES);
  digestOf(search).copy(cursor, POSITION_BYTES);
  return cursor.toString("base64url");
}

/**
 * The position in a cursor that came from outside.
 * @throws LockkeeperError `malformed-request` unless it was made for this very search
 */
export function searchPosition(cursor: string, search: Search): number {
  const bytes = Buffer.from(cursor, "base64url");
  const isOurs = bytes.length === POSITION_BYTES + DIGEST_BYTES && bytes.toString("base64url") === cursor;
  if (!isOurs || !bytes.subarray(POSITION_BYTES).equals(digestOf(search))) {
    const message = "is not one that you were given for this search: begin without it";
    const faults = [{ at: "query cursor", message }];
    throw new LockkeeperError("malformed-request", "The request has a fault; see errors.", { faults });
  }
  return bytes.readUIntBE(0, POSITION_BYTES);
}

function digestOf(search: Search): Buffer {
  return createHash("sha256").update(JSON.stringify(search)).digest().subarray(0, DIGEST_BYTES);
}
