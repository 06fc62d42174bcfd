import { createHash } from "node:crypto";

const LEAF_PREFIX = Buffer.from([0]);

/** RFC 6962, 2.1: the hash of a leaf is SHA-256(0x00 ‖ entry). The entry is the stored bytes, never a re-serialisation. Hex. */
export function leafHash(body: string): string {
  return createHash("sha256").update(LEAF_PREFIX).update(body, "utf8").digest("hex");
}
