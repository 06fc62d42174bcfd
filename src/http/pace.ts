import type { Clock } from "../clock.ts";

/** How long a refusal for too many requests is held back. */
const HOLD_MS = 250;
/** Connections that may be held so; the refusals beyond them go out at once. */
const MAX_HELD = 1_024;

/**
 * Holds back the refusals of those who ask too often. A caller who sends the next request when it has the last reply is
 * slowed down to a few each second on a connection, so that a flood costs the others no time.
 */
export class Pace {
  readonly #clock: Pick<Clock, "sleep">;
  #held = 0;

  constructor(clock: Pick<Clock, "sleep">) {
    this.#clock = clock;
  }

  async hold(): Promise<void> {
    if (this.#held >= MAX_HELD) return;
    this.#held += 1;
    try {
      await this.#clock.sleep(HOLD_MS);
    } finally {
      this.#held -= 1;
    }
  }
}
