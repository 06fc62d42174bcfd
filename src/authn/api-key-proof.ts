import { hash, randomBytes, timingSafeEqual } from "node:crypto";
import type { Clock } from "../clock.ts";
import { parseApiKey } from "./api-keys.ts";
import { unauthenticated } from "./failure.ts";
import type { KeyRing } from "./key-ring.ts";
import type { Principal } from "./principal.ts";

/** Compared with in place of a key that does not exist, so that an unknown and a wrong key take the same way. */
const nobodysHash = randomBytes(32);

/**
 * Proves a principal by an API key.
 * @returns a function that throws LockkeeperError `unauthenticated`, or `audit-unreadable` when the ring is stale
 */
export function createApiKeyProof(ring: Pick<KeyRing, "find">, clock: Pick<Clock, "now">): (key: string) => Principal {
  return (key) => {
    const parsed = parseApiKey(key);
    if (parsed === undefined) throw unauthenticated("malformed API key");
    const found = ring.find(parsed.id);
    const given = hash("sha256", parsed.secret, "buffer");
    const right = timingSafeEqual(given, found?.secretHash ?? nobodysHash);
    const live = found !== undefined && !found.revoked && clock.now() < found.expiresAt;
    if (!(right && live)) throw unauthenticated("unknown, wrong, revoked or expired API key");
    return found.principal;
  };
}
