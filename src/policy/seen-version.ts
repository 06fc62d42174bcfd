import type { Clock } from "../clock.ts";

/** Trying what is slow holds up requests, so it is tried again seldom, and less and less often. */
const FIRST_PAUSE_MS = 60_000;
const LONGEST_PAUSE_MS = 3_600_000;

/** The version of a source that was looked at last. What may be found good later is looked at again after a while. */
export class SeenVersion {
  readonly #clock: Pick<Clock, "now">;
  #version: string | undefined;
  /** When it was looked at, epoch milliseconds, and for how many milliseconds that is enough. */
  #again: { readonly since: number; readonly pauseMs: number } | undefined;

  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  /** Undefined when whatever there is is to be looked at. */
  get current(): string | undefined {
    if (this.#again === undefined) return this.#version;
    const { since, pauseMs } = this.#again;
    // Whichever way a clock was set, nothing waits for it to come back.
    return Math.abs(this.#clock.now() - since) >= pauseMs ? undefined : this.#version;
  }

  /** @param mayPass whether it is to be looked at again although it is the same */
  see(version: string | undefined, mayPass: boolean): void {
    const before = version === this.#version ? this.#again : undefined;
    const pauseMs = before === undefined ? FIRST_PAUSE_MS : Math.min(2 * before.pauseMs, LONGEST_PAUSE_MS);
    this.#version = version;
    this.#again = mayPass ? { since: this.#clock.now(), pauseMs } : undefined;
  }

  /** What is there is looked at again as if it were new. */
  forget(): void {
    this.#version = undefined;
    this.#again = undefined;
  }
}
