import type { StoredApiKey } from "../audit/journal.ts";
import type { Clock } from "../clock.ts";
import { LockkeeperError } from "../errors.ts";
import { storedPrincipal } from "./api-keys.ts";
import type { Principal } from "./principal.ts";

/** A key as it is looked up: everything that deciding about it needs, without asking the disk. */
interface RingKey {
  readonly secretHash: Buffer;
  readonly expiresAt: number;
  readonly revoked: boolean;
  readonly principal: Principal;
}

/** The API keys in memory. */
export interface KeyRing {
  /** @throws LockkeeperError `audit-unreadable` when the keys were last read too long ago: one may have been revoked */
  find(id: string): RingKey | undefined;
  /** Reads the keys anew. Rejects as the store does; the keys read before stay then. */
  refresh(): Promise<void>;
}

export interface KeyRingOptions {
  readonly read: () => Promise<readonly StoredApiKey[]>;
  readonly clock: Pick<Clock, "now">;
  /** Milliseconds for which keys that were read are good. */
  readonly staleAfterMs?: number;
}

interface Entry {
  readonly row: StoredApiKey;
  readonly key: RingKey;
}

/** A ring without keys yet: before its first refresh it answers nothing. */
export function createKeyRing({ read, clock, staleAfterMs = 30_000 }: KeyRingOptions): KeyRing {
  let entries = new Map<string, Entry>();
  let readAt: number | undefined;

  return {
    find(id) {
      const now = clock.now();
      // A clock that was set back must not make old keys look new for as long as it was set back.
      if (readAt !== undefined && now < readAt) readAt = now;
      if (readAt === undefined || now - readAt > staleAfterMs) {
        throw new LockkeeperError(
          "audit-unreadable",
          "The API keys could not be read for a while, so none is accepted.",
        );
      }
      return entries.get(id)?.key;
    },

    async refresh() {
      const startedAt = clock.now();
      const rows = await read();
      const next = new Map<string, Entry>();
      for (const row of rows) {
        const before = entries.get(row.id);
        const entry = before !== undefined && sameRow(before.row, row) ? before : entryOf(row);
        // A row that does not say who its principal is opens nothing.
        if (entry !== undefined) next.set(row.id, entry);
      }
      entries = next;
      readAt = startedAt;
    },
  };
}

/**
 * Refreshes a ring until the signal aborts, so that a key that another process revoked stops working within about the
 * interval, and no request waits for the disk.
 * @param onFailure told of each refresh that failed
 */
export async function keepFresh(
  ring: Pick<KeyRing, "refresh">,
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

function entryOf(row: StoredApiKey): Entry | undefined {
  const principal = storedPrincipal(row);
  const secretHash = Buffer.from(row.secretHash, "hex");
  if (principal === undefined || secretHash.length !== 32) return undefined;
  return { row, key: { secretHash, expiresAt: row.expiresAt, revoked: row.revokedAt !== null, principal } };
}

function sameRow(a: StoredApiKey, b: StoredApiKey): boolean {
  return (
    a.secretHash === b.secretHash &&
    a.principalJson === b.principalJson &&
    a.principal === b.principal &&
    a.expiresAt === b.expiresAt &&
    a.revokedAt === b.revokedAt
  );
}
