import type { SignedHead } from "../../../src/audit/journal.ts";
import { keysUnder, originAfter } from "../../../src/audit/lineage.ts";
import type { LogKeys } from "../../../src/audit/log-keys.ts";
import { recoveredRecord } from "../../../src/audit/log-record.ts";
import type { ComparableLog } from "../../../src/audit/outside/memory.ts";
import { formatCheckpoint } from "../../../src/tlog/checkpoint.ts";
import { leafHash } from "../../../src/tlog/hash.ts";
import { generateKey, parseSigner, signNote } from "../../../src/tlog/note.ts";
import { consistencyProof, inclusionProof, rootHash } from "../../../src/tlog/proof.ts";
import type { TileSource } from "../../../src/tlog/tile.ts";
import { proofInParts } from "../../../src/tlog/tlog-proof.ts";

export const logOrigin = "example.org/lockkeeper";
const key = generateKey(logOrigin);
export const logKeys: LogKeys = { origin: logOrigin, signingKey: key.signer, trustedKeys: [key.verifier] };

/** A log in the place of one that a recovery has sealed, and whose heads it knew: the first record says so. */
export function recoveredLog(
  known: { readonly sealed: string | null; readonly outside?: string },
  recovery = 1,
): GrowingLog {
  const keys = keysUnder(logKeys, originAfter(logOrigin, recovery)) ?? logKeys;
  const { body } = recoveredRecord(
    {
      reason: "the disk was lost",
      operator: { name: "ann", uid: 1000 },
      origin: keys.origin,
      verifierKey: parseSigner(keys.signingKey).verifier,
      account: "123456789012",
      sealed: { place: "sealed.db", origin: originAfter(logOrigin, recovery - 1), size: 9, checkpoint: known.sealed },
      outside: known.outside === undefined ? [] : [{ memory: "file x", checkpoint: known.outside }],
      carried: { changes: 0, records: 0, apiKeys: 0, unproven: 0, damaged: [], lost: [] },
    },
    0,
  );
  return new GrowingLog(keys, logKeys).append(body);
}

/** A log of nothing but hashes in memory (at most 256): what outside memories see of a log. */
export class GrowingLog implements ComparableLog {
  readonly keys: ComparableLog["keys"];
  readonly #own: LogKeys;
  readonly #entries: string[] = [];
  readonly #leaves: Buffer[] = [];

  constructor(keys: LogKeys = logKeys, configured: ComparableLog["keys"] = keys) {
    this.keys = configured;
    this.#own = keys;
  }

  append(...entries: readonly string[]): this {
    this.#entries.push(...entries);
    this.#leaves.push(...entries.map((entry) => leafHash(entry)));
    return this;
  }

  async proven(index: number) {
    const [body, leaf, head] = [this.#entries[index], this.#leaves[index], await this.head()];
    if (body === undefined || leaf === undefined || head === undefined) return undefined;
    const hashes = inclusionProof(index, head.size, this.#tiles);
    const proof = proofInParts({ index, proof: hashes, checkpoint: head.checkpoint });
    return { index, leafHash: leaf.toString("hex"), body, proof };
  }

  async head(): Promise<SignedHead | undefined> {
    return this.#leaves.length === 0 ? undefined : this.headAt(this.#leaves.length);
  }

  headAt(size: number): SignedHead {
    const { origin, signingKey } = this.#own;
    const root = rootHash(size, this.#tiles);
    const checkpoint = signNote(formatCheckpoint({ origin, size, root }), [parseSigner(signingKey)]);
    return { origin, size, root: root.toString("hex"), checkpoint };
  }

  async consistency(from: number, to: number): Promise<readonly string[] | undefined> {
    if (to > this.#leaves.length) return undefined;
    return consistencyProof(from, to, this.#tiles).map((hash) => hash.toString("base64"));
  }

  readonly #tiles: TileSource = ({ level, index, width }) => {
    if (level !== 0 || index !== 0) throw new RangeError("this log is too small for that");
    return this.#leaves.slice(0, width);
  };
}
