import { isDeepStrictEqual } from "node:util";
import { isAwsKey, type StoredKey } from "../audit/journal.ts";
import type { Clock } from "../clock.ts";
import { LockkeeperError } from "../errors.ts";
import { storedPrincipal } from "./issued-key.ts";
import type { Principal } from "./principal.ts";

/** Issued keys in memory, each as it is looked up: everything that deciding about it needs, without asking the disk. */
export interface Ring<Key> {
  /** @throws LockkeeperError `audit-unreadable` when the keys were last read too long ago: one may have been revoked */
  find(id: string): Key | undefined;
  /** Reads the keys anew. Rejects as the store does; the keys read before stay then. */
  refresh(): Promise<void>;
}

export interface RingOptions {
  readonly read: () => Promise<readonly StoredKey[]>;
  readonly clock: Pick<Clock, "now">;
  /** Milliseconds for which keys that were read are good. */
  readonly staleAfterMs?: number;
}

interface Entry<Key> {
  readonly row: StoredKey;
  readonly key: Key | undefined;
}

/**
 * A ring without keys yet: before its first refresh it answers nothing.
 * @param keyOf what a row is looked up as, undefined for one that opens nothing; asked again only when the row has changed
 */
export function createRing<Key>(
  { read, clock, staleAfterMs = 30_000 }: RingOptions,
  keyOf: (row: StoredKey) => Key | undefined,
): Ring<Key> {
  let entries = new Map<string, Entry<Key>>();
  let readAt: number | undefined;

  return {
    find(id) {
      const now = clock.now();
      // A clock that was set back must not make old keys look new for as long as it was set back.
      if (readAt !== undefined && now < readAt) readAt = now;
      if (readAt === undefined || now - readAt > staleAfterMs) {
        throw new LockkeeperError("audit-unreadable", "The keys could not be read for a while, so none is accepted.");
      }
      return entries.get(id)?.key;
    },

    async refresh() {
      const startedAt = clock.now();
      const rows = await read();
      const next = new Map<string, Entry<Key>>();
      for (const row of rows) {
        const before = entries.get(row.id);
        const entry = before !== undefined && isDeepStrictEqual(before.row, row) ? before : { row, key: keyOf(row) };
        next.set(row.id, entry);
      }
      entries = next;
      readAt = startedAt;
    },
  };
}

/** An API key as it is looked up. */
interface RingKey {
  readonly secretHash: Buffer;
  readonly expiresAt: number;
  readonly revoked: boolean;
  readonly principal: Principal;
}

/** The API keys in memory. */
export type KeyRing = Ring<RingKey>;

/** A ring of API keys. A row that does not say who its principal is opens nothing. */
export function createKeyRing(options: RingOptions): KeyRing {
  return createRing(options, (row) => {
    if (isAwsKey(row)) return undefined;
    const principal = storedPrincipal(row);
    const secretHash = Buffer.from(row.secretHash, "hex");
    if (principal === undefined || secretHash.length !== 32) return undefined;
    return { secretHash, expiresAt: row.expiresAt, revoked: row.revokedAt !== null, principal };
  });
}

/**
 * Refreshes a ring until the signal aborts, so that a key that another process revoked stops working within about the
 * interval, and no request waits for the disk.
 * @param onFailure told of each refresh that failed
 */
export async function keepFresh(
  ring: Pick<Ring<unknown>, "refresh">,
  clock: Pick<Clock, "sleep">,
  signal: AbortSignal,
  onFailure: (error: unknown) => void,
  intervalMs = 1_000,
): Promise<void> {
  for (;;) {
    try {
      await clock.sleep(intervalMs, signal);
    } catch {
      return;
    }
    try {
      await ring.refresh();
    } catch (error) {
      onFailure(error);
    }
  }
}
