import type { Clock } from "../../clock.ts";
import type { SignedHead } from "../journal.ts";
import { Lane, type LaneOptions, type MemoryAge } from "./lane.ts";
import type { OutsideMemory } from "./memory.ts";

export interface PublisherOptions extends Omit<LaneOptions, "memory" | "clock" | "random"> {
  readonly memories: readonly OutsideMemory[];
  readonly clock: Clock;
  readonly random?: () => number;
}

/** Milliseconds that stopping may take. */
export const LAST_TRY_MS = 3_000;

/**
 * Sends the log's newest signed head off this host as it advances: to each memory by itself, so that one that cannot be
 * reached holds up no other, and none of them a change.
 */
export class Publisher {
  readonly #lanes: readonly Lane[];
  readonly #clock: Clock;
  readonly #stopped = new AbortController();
  #running: Promise<unknown> | undefined;

  constructor({ memories, random = Math.random, ...options }: PublisherOptions) {
    this.#lanes = memories.map((memory) => new Lane({ ...options, memory, random }));
    this.#clock = options.clock;
  }

  start(): void {
    this.#running = Promise.all(this.#lanes.map((lane) => this.#run(lane)));
  }

  /** Ends the rounds, after a last try to send what is newest. Takes no longer than that, whatever hangs. */
  async stop(withinMs = LAST_TRY_MS): Promise<void> {
    this.#stopped.abort();
    const lastTry = Promise.resolve(this.#running).then(() => Promise.all(this.#lanes.map((lane) => lane.step())));
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise((resolve) => {
      timer = setTimeout(resolve, withinMs);
    });
    await Promise.race([lastTry, patience]);
    clearTimeout(timer);
  }

  /** Milliseconds for which the oldest head has waited that some memory does not know. */
  age(): number {
    return Math.max(0, ...this.ages().map(({ ageMs }) => ageMs));
  }

  ages(): readonly MemoryAge[] {
    return this.#lanes.map((lane) => lane.age());
  }

  /** The head that a witness has cosigned last, with its cosignature; undefined until it has. */
  cosigned(): SignedHead | undefined {
    return this.#lanes.find((lane) => lane.cosigns)?.sent;
  }

  async #run(lane: Lane): Promise<void> {
    const { signal } = this.#stopped;
    try {
      while (!signal.aborted) await this.#clock.sleep(await lane.step(), signal);
    } catch (error) {
      // The sleep ends with the abort's reason when it is stopped: that is its end and no fault.
      if (!signal.aborted) throw error;
    }
  }
}
