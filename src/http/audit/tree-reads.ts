import type { Journal, SignedHead } from "../../audit/journal.ts";
import { LockkeeperError } from "../../errors.ts";
import type { TileRef } from "../../tlog/tile.ts";

/** Questions about the tree that may wait for the store at once. Replays and the policy's reads ask the same store. */
const MAX_OUTSTANDING = 32;

/** What anybody may ask of the log's tree, without keeping those waiting who have a principal. */
export class TreeReads {
  readonly #journal: Pick<Journal, "head" | "tile">;
  #outstanding = 0;
  #head: Promise<SignedHead | undefined> | undefined;

  constructor(journal: Pick<Journal, "head" | "tile">) {
    this.#journal = journal;
  }

  /** Whoever asks while the store still looks shares its answer. */
  head(): Promise<SignedHead | undefined> {
    this.#head ??= this.#journal.head().finally(() => {
      this.#head = undefined;
    });
    return this.#head;
  }

  /** @throws LockkeeperError `rate-limited` when too many ask at once */
  async tile(tile: TileRef): Promise<Uint8Array | undefined> {
    if (this.#outstanding >= MAX_OUTSTANDING) {
      throw new LockkeeperError("rate-limited", "Too many ask for the log's tree at once; ask again in a second.", {
        retryAfter: 1,
      });
    }
    this.#outstanding += 1;
    try {
      return await this.#journal.tile(tile);
    } finally {
      this.#outstanding -= 1;
    }
  }
}
