import type { Journal } from "../audit/journal.ts";
import type { Clock } from "../clock.ts";
import { LockkeeperError } from "../errors.ts";
import type { Change } from "./change.ts";

/** The right to look at all of a user's credentials and to change one of them on the strength of that. */
export interface UserLock {
  /** Epoch milliseconds until which nobody else has it, whatever happens here. */
  readonly until: number;
  /** Lets the next one in. */
  release(): void;
}

export interface UserLocksOptions {
  /** Its leases count for all gateways that share the log. */
  readonly journal: Pick<Journal, "lease" | "endLease">;
  readonly clock: Clock;
  /** Milliseconds that a change waits for its turn. */
  readonly waitMs: number;
  /** Milliseconds from the look at the facts to the last moment at which the change may be sent. */
  readonly holdMs: number;
}

/** How far the clocks of gateways that share a log may be apart, and how long a request travels. */
const MARGIN_MS = 5_000;
const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 160;

/**
 * One change at a time of each user, for changes that policy judges by the user's other credentials: two of them that
 * are judged at once could each find the other credential still active. In this process they queue; between gateways
 * the lease decides, and ends by itself when its holder dies.
 */
export class UserLocks {
  readonly #options: UserLocksOptions;
  /** Of each user, what the next one in line waits for. */
  readonly #tails = new Map<string, Promise<void>>();

  constructor(options: UserLocksOptions) {
    this.#options = options;
  }

  /** @throws LockkeeperError `change-in-flight` when its turn does not come in time, `audit-unavailable` */
  async take({ id, credential: { account, userName } }: Pick<Change, "id" | "credential">): Promise<UserLock> {
    const { clock, waitMs } = this.#options;
    // IAM user names compare without case.
    const name = `user ${account} ${userName.toLowerCase()}`;
    const giveUpAt = clock.now() + waitMs;
    const leave = await this.#turn(name);
    try {
      const until = await this.#lease(name, id, giveUpAt);
      return {
        until,
        release: () => {
          // When this fails the lease ends by itself.
          void this.#options.journal.endLease(name, id).then(leave, leave);
        },
      };
    } catch (error) {
      leave();
      throw error;
    }
  }

  /** Waits for those who came before. @returns what lets the next one in */
  async #turn(name: string): Promise<() => void> {
    const { clock, waitMs } = this.#options;
    const before = this.#tails.get(name);
    const mine = Promise.withResolvers<void>();
    // Who gives up waiting is no reason for the next one to come in before its turn.
    const tail = Promise.all([before, mine.promise]).then(() => {
      if (this.#tails.get(name) === tail) this.#tails.delete(name);
    });
    this.#tails.set(name, tail);
    if (before === undefined) return mine.resolve;
    const waiting = new AbortController();
    const late = clock.sleep(waitMs, waiting.signal).then(
      () => true,
      () => false,
    );
    const isLate = await Promise.race([late, before.then(() => false)]);
    waiting.abort();
    if (!isLate) return mine.resolve;
    mine.resolve();
    throw busy();
  }

  async #lease(name: string, holder: string, giveUpAt: number): Promise<number> {
    const { journal, clock, holdMs } = this.#options;
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
      const now = clock.now();
      if (await journal.lease(name, holder, now, holdMs + MARGIN_MS)) return now + holdMs;
      if (now + pause > giveUpAt) throw busy();
      await clock.sleep(pause);
    }
  }
}

function busy(): LockkeeperError {
  return new LockkeeperError(
    "change-in-flight",
    "Another change of this user's credentials is in flight, and whether this one is allowed depends on it. Ask again when it has ended.",
    { retryAfter: 1 },
  );
}
