import { hash, randomBytes } from "node:crypto";
import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import { networkOf } from "../authn/ip-address.ts";
import type { Config } from "../config.ts";
import { LockkeeperError, type Quota } from "../errors.ts";

const WINDOW_SECONDS = 60;

/**
 * Sources share counters, this many of them: whoever sends from ever new addresses finds the memory bounded. Which ones
 * share, nobody outside can know. It only ever touches callers who fail to authenticate, or do not have to.
 */
const SOURCE_COUNTERS = 65_536;

/** `tree`: looks at the log's public tree, as many for each address as look-ups for each principal. */
type LimitName = keyof Config["limits"] | "tree";

/**
 * Rate limits. A principal is counted by what it asks for and by nothing that others do: neither they nor failed
 * attempts from the same address use up its quota. A source is counted by its failed attempts, and by its looks at what
 * is public.
 */
export interface Limits {
  /** Counts one request of a principal. @throws LockkeeperError `rate-limited` with the quota when it is used up */
  take(name: Exclude<LimitName, "failedAuthentications" | "tree">, principalKey: string): Promise<Quota>;
  /** Counts one failed authentication from a canonical address. @throws LockkeeperError `rate-limited` for too many */
  failed(sourceIp: string): Promise<void>;
  /** Counts one look at the tree from a canonical address. @throws LockkeeperError `rate-limited` for too many */
  looked(sourceIp: string): Promise<Quota>;
}

/** Fixed windows of a minute, in this process's memory. */
export function createLimits(config: Config["limits"]): Limits {
  const limiter = ({ perMinute: points }: { readonly perMinute: number }) =>
    new RateLimiterMemory({ points, duration: WINDOW_SECONDS, keyPrefix: "" });
  const limiters = {
    changes: limiter(config.changes),
    reads: limiter(config.reads),
    whatIfs: limiter(config.whatIfs),
    failedAuthentications: limiter(config.failedAuthentications),
    tree: limiter(config.reads),
  };
  const salt = randomBytes(16).toString("hex");
  const sourceKey = (sourceIp: string) => {
    const digest = hash("sha256", salt + networkOf(sourceIp), "buffer");
    return String(digest.readUInt32BE() % SOURCE_COUNTERS);
  };

  async function count(name: LimitName, key: string): Promise<Quota> {
    const limiter = limiters[name];
    try {
      return quotaOf(name, limiter.points, await limiter.consume(key));
    } catch (refusal) {
      if (!(refusal instanceof RateLimiterRes)) throw refusal;
      throw exceeded(name, quotaOf(name, limiter.points, refusal));
    }
  }

  return {
    take: count,
    async failed(sourceIp) {
      await count("failedAuthentications", sourceKey(sourceIp));
    },
    looked: (sourceIp) => count("tree", sourceKey(sourceIp)),
  };
}

/** What is counted, for people. */
const counted: Readonly<Record<LimitName, string>> = {
  changes: "changes",
  reads: "look-ups",
  whatIfs: "questions to policy",
  failedAuthentications: "failed authentications from your address",
  tree: "looks at the log's tree from your address",
};

function quotaOf(name: LimitName, limit: number, { remainingPoints, msBeforeNext }: RateLimiterRes): Quota {
  const resetSeconds = Math.max(1, Math.ceil(msBeforeNext / 1_000));
  return { name, limit, windowSeconds: WINDOW_SECONDS, remaining: remainingPoints, resetSeconds };
}

function exceeded(name: LimitName, quota: Quota): LockkeeperError {
  const { limit, resetSeconds } = quota;
  const message = `More than ${limit} ${counted[name]} in a minute; ask again in ${resetSeconds} s.`;
  return new LockkeeperError("rate-limited", message, { retryAfter: resetSeconds, quota });
}
