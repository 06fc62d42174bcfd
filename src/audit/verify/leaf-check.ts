import { hash } from "node:crypto";
import { leafHash } from "../../tlog/hash.ts";

/** The 0x00 of RFC 6962, 2.1 and room behind it for any record (tlog-tiles counts an entry's bytes in a uint16). */
const input = Buffer.alloc(1 + 65_535);

/**
 * Whether RFC 6962's leaf hash of the stored bytes is the stored hash. Like `leafHash`, but in two thirds of its time: the
 * bytes are copied into a buffer that is there already, and the digest comes as a string, which Node makes much faster.
 */
export function isLeafOf(body: Buffer, stored: Buffer): boolean {
  if (body.length >= input.length) return leafHash(body).equals(stored);
  body.copy(input, 1);
  return hash("sha256", input.subarray(0, 1 + body.length), "binary") === stored.toString("latin1");
}
