import type { Clock } from "../../clock.ts";
import { LockkeeperError } from "../../errors.ts";
import type { SignedHead } from "../journal.ts";
import type { ComparableLog, OutsideMemory } from "./memory.ts";

export interface LaneOptions {
  readonly memory: OutsideMemory;
  readonly log: ComparableLog;
  readonly clock: Pick<Clock, "now">;
  /** Milliseconds between two looks at the log's head. */
  readonly intervalMs: number;
  /** Milliseconds for which a head may wait to be remembered before somebody has to hear of it. */
  readonly alertAfterMs: number;
  /** 0 <= random < 1. */
  readonly random: () => number;
  readonly onAlert: (alert: MemoryAlert) => void;
  /** The memory that was alerted about has the newest head again. */
  readonly onRecovered: (memory: string) => void;
  /** The memory knows a log that this one does not continue. */
  readonly onRolledBack: (error: LockkeeperError) => void;
}

/** A memory has not taken the newest head for too long. */
export interface MemoryAlert {
  readonly memory: string;
  /** Milliseconds for which the oldest head that it does not know has waited. */
  readonly ageMs: number;
  readonly error: Error;
}

/** How far one memory is behind. */
export interface MemoryAge {
  readonly name: string;
  /** Records in the tree that it remembers; undefined until something was sent since the start. */
  readonly lastSize: number | undefined;
  /** Epoch milliseconds. */
  readonly lastSentAt: number | undefined;
  /** Milliseconds for which the oldest head that it does not know has waited; 0 when it knows the newest one. */
  readonly ageMs: number;
  /** Whether the last try failed. */
  readonly failing: boolean;
}

const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 30_000;

/** The way of the log's heads to one memory. Only the newest matters: those in between are never sent. */
export class Lane {
  readonly #options: LaneOptions;
  #sent: SignedHead | undefined;
  #sentAt: number | undefined;
  /** When a head was first seen that the memory does not know. */
  #waitingSince: number | undefined;
  #failures = 0;
  #alerted = false;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  /**
   * One look at the log, and one try to send its head if the memory does not know it. Never rejects.
   * @returns milliseconds after which to look again
   */
  async step(): Promise<number> {
    const { memory, log, clock, intervalMs, onRolledBack } = this.#options;
    try {
      const head = await log.head();
      if (head === undefined || (head.size === this.#sent?.size && head.origin === this.#sent.origin))
        return intervalMs;
      this.#waitingSince ??= clock.now();
      this.#succeeded(await memory.remember(log));
      return intervalMs;
    } catch (error) {
      if (error instanceof LockkeeperError && error.code === "audit-rolled-back") onRolledBack(error);
      return this.#failed(error instanceof Error ? error : new Error(String(error)));
    }
  }

  get cosigns(): boolean {
    return this.#options.memory.cosigns;
  }

  /** What the memory took last, with a witness's cosignature. */
  get sent(): SignedHead | undefined {
    return this.#sent;
  }

  age(): MemoryAge {
    const { memory, clock } = this.#options;
    return {
      name: memory.name,
      lastSize: this.#sent?.size,
      lastSentAt: this.#sentAt,
      ageMs: this.#waitingSince === undefined ? 0 : Math.max(0, clock.now() - this.#waitingSince),
      failing: this.#failures > 0,
    };
  }

  #succeeded(sent: SignedHead | undefined): void {
    const { memory, clock, onRecovered } = this.#options;
    this.#sent = sent;
    this.#sentAt = clock.now();
    this.#waitingSince = undefined;
    this.#failures = 0;
    if (this.#alerted) onRecovered(memory.name);
    this.#alerted = false;
  }

  #failed(error: Error): number {
    const { memory, alertAfterMs, random, onAlert } = this.#options;
    const { ageMs } = this.age();
    if (!this.#alerted && ageMs >= alertAfterMs) {
      this.#alerted = true;
      onAlert({ memory: memory.name, ageMs, error });
    }
    const longest = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 20);
    // Between half of it and all of it, so that gateways that failed together do not come back together.
    return longest * (0.5 + random() / 2);
  }
}
