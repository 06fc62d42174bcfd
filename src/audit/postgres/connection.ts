import { LogFault } from "../head.ts";
import type { Endpoint } from "./address.ts";
import type { KnownLog } from "./known-log.ts";
import type { Ownership } from "./settings.ts";
import { Writer } from "./writer.ts";
import { WriterSession } from "./writer-session.ts";

export interface ConnectionOptions extends Ownership {
  readonly endpoint: Endpoint;
  readonly schema: string;
}

/** Pauses between tries to connect, milliseconds: each as long as the two before, and no longer than this. */
const LONGEST_PAUSE_MS = 2_000;
const FIRST_PAUSE_MS = 100;

/** The connection to write the log with, thrown away and made anew when a write has failed. */
export class Connection {
  readonly #options: ConnectionOptions;
  #writer: Writer | undefined;
  /** Of the last connection, when it was given up. */
  #remembered: KnownLog | undefined;
  #fault: LogFault | undefined;
  #failure: { readonly error: unknown; readonly pauseMs: number; readonly until: number } | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /**
   * A connection whose commits can be believed.
   * @throws LogFault when the log is not the one that was written here: then for ever; Error when the server cannot be had
   */
  async toWrite(): Promise<Writer> {
    if (this.#fault !== undefined) throw this.#fault;
    if (this.#writer?.session.lost !== undefined) this.discard();
    this.#writer ??= await this.#open();
    return this.#writer;
  }

  /** What this instance knows of the log; undefined before it was first connected. */
  get known(): KnownLog | undefined {
    return this.#writer?.known ?? this.#remembered;
  }

  /** @returns the error, after which nothing more is written when it says that the log is another than it was */
  poisonedBy(error: unknown): unknown {
    if (error instanceof LogFault) this.#fault ??= error;
    return this.#fault ?? error;
  }

  /** Gives up a connection that has failed; the next use makes another. */
  discard(): void {
    this.#remembered = this.known;
    this.#writer?.session.discard();
    this.#writer = undefined;
  }

  async close(): Promise<void> {
    await this.#writer?.session.close();
    this.#writer = undefined;
  }

  async #open(): Promise<Writer> {
    const now = performance.now();
    if (this.#failure !== undefined && now < this.#failure.until) throw this.#failure.error;
    try {
      const writer = await this.#connected();
      this.#failure = undefined;
      return writer;
    } catch (error) {
      const pauseMs = Math.min(LONGEST_PAUSE_MS, (this.#failure?.pauseMs ?? FIRST_PAUSE_MS / 2) * 2);
      this.#failure = { error, pauseMs, until: performance.now() + pauseMs };
      throw this.poisonedBy(error);
    }
  }

  async #connected(): Promise<Writer> {
    const session = await WriterSession.open(this.#options);
    try {
      return await Writer.open(session, this.#options, this.#remembered);
    } catch (error) {
      session.discard();
      throw error;
    }
  }
}
