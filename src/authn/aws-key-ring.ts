import { isAwsKey, type StoredKey } from "../audit/journal.ts";
import type { Clock } from "../clock.ts";
import { type AwsKeyPair, openAwsKey } from "./aws-keys.ts";
import type { EncryptionKeys } from "./encryption-keys.ts";
import { createRing, type Ring } from "./key-ring.ts";

/** The key pairs in memory, decrypted. */
export interface AwsKeyRing {
  /**
   * @returns undefined for a pair that is unknown, expired, revoked, or of no use as it is stored
   * @throws LockkeeperError `audit-unreadable` when the keys were last read too long ago: one may have been revoked
   */
  find(accessKeyId: string): AwsKeyPair | undefined;
  /** Reads the pairs anew. Rejects as the store does; those read before stay then. */
  refresh(): Promise<void>;
}

export interface AwsKeyRingOptions {
  readonly read: () => Promise<readonly StoredKey[]>;
  readonly clock: Pick<Clock, "now">;
  readonly encryption: Pick<EncryptionKeys, "unseal">;
  /** Told once of each pair that is of no use, and why; neither holds anything of its secret. */
  readonly onUnusable: (accessKeyId: string, why: string) => void;
  /** Milliseconds for which keys that were read are good. */
  readonly staleAfterMs?: number;
}

/** A ring without pairs yet: before its first refresh it answers nothing. */
export function createAwsKeyRing({ encryption, onUnusable, ...options }: AwsKeyRingOptions): AwsKeyRing {
  const ring: Ring<AwsKeyPair & { readonly expiresAt: number }> = createRing(options, (row) => {
    if (!isAwsKey(row) || row.revokedAt !== null) return undefined;
    const opened = openAwsKey(row, encryption);
    if (!("fault" in opened)) return { ...opened, expiresAt: row.expiresAt };
    onUnusable(row.id, opened.fault);
    return undefined;
  });
  return {
    find(accessKeyId) {
      const found = ring.find(accessKeyId);
      if (found === undefined || found.expiresAt <= options.clock.now()) return undefined;
      const { secretAccessKey, principal } = found;
      return { secretAccessKey, principal };
    },
    refresh: ring.refresh,
  };
}
