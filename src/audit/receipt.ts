import { inclusionProof } from "../tlog/proof.ts";
import type { TileSource } from "../tlog/tile.ts";
import { type ProofText, proofInParts } from "../tlog/tlog-proof.ts";
import type { Head } from "./head.ts";
import type { LoggedRecord } from "./journal.ts";

/**
 * A c2sp.org/tlog-proof of a record in a head of its log, with the record's bytes unless they were pruned.
 * @param tiles must have `inclusionTiles(index, head.size)`
 */
export function receiptOf(
  { index, body }: Pick<LoggedRecord, "index" | "body">,
  head: Head,
  tiles: TileSource,
): ProofText {
  const proof = inclusionProof(index, head.size, tiles);
  return proofInParts({
    index,
    proof,
    checkpoint: head.checkpoint,
    ...(body !== null && { extra: Buffer.from(body) }),
  });
}
