import { hash, randomBytes } from "node:crypto";
import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import { networkOf } from "../authn/ip-address.ts";
import type { Config } from "../config.ts";
import { LockkeeperError, type Quota } from "../errors.ts";

const WINDOW_SECONDS = 60;

/**
 * Sources share counters, this many of them: whoever sends from ever new addresses finds the memory bounded. Which ones
 * share, nobody outside can know. It only ever touches callers who fail to authenticate.
 */
const SOURCE_COUNTERS = 65_536;

type LimitName = keyof Config["limits"];

/**
 * Rate limits. A principal is counted by what it asks for and by nothing that others do: neither they nor failed
 * attempts from the same address use up its quota. A source is counted by its failed attempts only.
 */
export interface Limits {
  /** Counts one request of a principal. @throws LockkeeperError `rate-limited` with the quota when it is used up */
  take(name: Exclude<LimitName, "failedAuthentications">, principalKey: string): Promise<Quota>;
  /** Counts one failed authentication from a canonical address. @throws LockkeeperError `rate-limited` for too many */
  failed(sourceIp: string): Promise<void>;
}

/** Fixed windows of a minute, in this process's memory. */
export function createLimits(config: Config["limits"]): Limits {
  const limiter = (name: LimitName) =>
    new RateLimiterMemory({ points: config[name].perMinute, duration: WINDOW_SECONDS, keyPrefix: "" });
  const limiters = {
    changes: limiter("changes"),
    reads: limiter("reads"),
    whatIfs: limiter("whatIfs"),
    failedAuthentications: limiter("failedAuthentications"),
  };
  const salt = randomBytes(16).toString("hex");

  async function count(name: LimitName, key: string): Promise<Quota> {
    try {
      return quotaOf(name, config[name].perMinute, await limiters[name].consume(key));
    } catch (refusal) {
      if (!(refusal instanceof RateLimiterRes)) throw refusal;
      throw exceeded(name, quotaOf(name, config[name].perMinute, refusal));
    }
  }

  return {
    take: count,
    async failed(sourceIp) {
      const digest = hash("sha256", salt + networkOf(sourceIp), "buffer");
      await count("failedAuthentications", String(digest.readUInt32BE() % SOURCE_COUNTERS));
    },
  };
}

/** What is counted, for people. */
const counted: Readonly<Record<LimitName, string>> = {
  changes: "changes",
  reads: "look-ups",
  whatIfs: "questions to policy",
  failedAuthentications: "failed authentications from your address",
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
