import type { SignedHead } from "../../../src/audit/journal.ts";
import type { LogKeys } from "../../../src/audit/log-keys.ts";
import type { ComparableLog } from "../../../src/audit/outside/memory.ts";
import { formatCheckpoint } from "../../../src/tlog/checkpoint.ts";
import { leafHash } from "../../../src/tlog/hash.ts";
import { generateKey, parseSigner, signNote } from "../../../src/tlog/note.ts";
import { consistencyProof, rootHash } from "../../../src/tlog/proof.ts";
import type { TileSource } from "../../../src/tlog/tile.ts";

export const logOrigin = "example.org/lockkeeper";
const key = generateKey(logOrigin);
export const logKeys: LogKeys = { origin: logOrigin, signingKey: key.signer, trustedKeys: [key.verifier] };

/** A log of nothing but hashes in memory (at most 256): what outside memories see of a log. */
export class GrowingLog implements ComparableLog {
  readonly keys: ComparableLog["keys"];
  readonly #own: LogKeys;
  readonly #leaves: Buffer[] = [];

  constructor(keys: LogKeys = logKeys, configured: ComparableLog["keys"] = keys) {
    this.keys = configured;
    this.#own = keys;
  }

  append(...entries: readonly string[]): this {
    this.#leaves.push(...entries.map((entry) => leafHash(entry)));
    return this;
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
