import type { AuditRecord, Journal } from "../audit/journal.ts";
import { failedAuthenticationRecord, type RateLimited, rateLimitRecord } from "../audit/refusal-record.ts";
import { networkOf } from "../authn/ip-address.ts";
import { principalKey } from "../authn/principal.ts";
import type { Clock } from "../clock.ts";
import { type Counted, RefusalCounts } from "./refusal-counts.ts";

export interface RefusalsOptions {
  readonly journal: Pick<Journal, "note">;
  readonly clock: Clock;
  /** Told when the counts could not be recorded. They are kept, and tried again with those of the next minute. */
  readonly onFault: (error: unknown) => void;
}

const MINUTE_MS = 60_000;

/**
 * The refusals that policy never sees: failed authentications are counted by source, requests beyond a quota by
 * principal, or by source where nobody has to say who they are. Each of these is one record a minute, so that a flood cannot fill the log, and leaves its trace there.
 */
export class Refusals {
  readonly #options: RefusalsOptions;
  readonly #failed = new RefusalCounts<string>();
  readonly #limited = new RefusalCounts<RateLimited>();
  readonly #stopped = new AbortController();
  #recording: Promise<void> = Promise.resolve();

  constructor(options: RefusalsOptions) {
    this.#options = options;
  }

  /** @param sourceIp canonical; those of one subscriber count together */
  failedAuthentication(sourceIp: string): void {
    this.#failed.add({ key: networkOf(sourceIp), source: sourceIp, seen: this.#once() });
  }

  rateLimited(limited: RateLimited): void {
    const { quota, principal, sourceIp } = limited;
    const key = `${quota} ${principal ? principalKey(principal) : networkOf(sourceIp)}`;
    this.#limited.add({ key, source: limited, seen: this.#once() });
  }

  /** Records each minute what was counted in it. */
  start(): void {
    const { clock, onFault } = this.#options;
    const run = async () => {
      for (;;) {
        await clock.sleep(MINUTE_MS, this.#stopped.signal);
        await this.record();
      }
    };
    // The sleep ends with the abort's reason when it is stopped: that is its end and no fault.
    void run().catch((error) => this.#stopped.signal.aborted || onFault(error));
  }

  /** Records what is left. The journal must still take records; nothing is to be counted any more. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.record();
  }

  /** Records what was counted since the last time. Never rejects. */
  record(): Promise<void> {
    this.#recording = this.#recording.then(() => this.#recordAll()).catch(this.#options.onFault);
    return this.#recording;
  }

  async #recordAll(): Promise<void> {
    await this.#note(this.#failed, ({ source, seen }) => failedAuthenticationRecord(source, seen));
    await this.#note(this.#limited, ({ source, seen }) => rateLimitRecord(source, seen));
  }

  /** One after the other: changes that wait for the log come first. What could not be recorded is counted on. */
  async #note<Source>(
    counts: RefusalCounts<Source>,
    recordOf: (counted: Counted<Source>) => AuditRecord,
  ): Promise<void> {
    const open = [...counts.take()];
    try {
      for (let next = open[0]; next !== undefined; next = open[0]) {
        await this.#options.journal.note(recordOf(next));
        open.shift();
      }
    } finally {
      for (const counted of open) counts.add(counted);
    }
  }

  #once() {
    const at = this.#options.clock.now();
    return { count: 1, first: at, last: at };
  }
}
