import { closeSync, openSync, writeSync } from "node:fs";
import type { FaultKind } from "./faults.ts";

/** An update as it arrived, before anything is done about it. */
export interface ReceivedUpdate {
  /** What the answer carries as AWS's request id. */
  readonly requestId: string;
  /** On the wire: `UpdateAccessKey`, … */
  readonly action: string;
  /** As it was sent; null when the request named nobody, which means the owner of the signing key. */
  readonly userName: string | null;
  readonly credentialId: string | null;
  readonly status: string | null;
  readonly userAgent: string;
  /** From `change/<id>` in the user agent; null when there is none. */
  readonly changeId: string | null;
}

/** What became of an update. */
export interface JournalEntry extends ReceivedUpdate {
  /** Counted from 1, without a gap. */
  readonly seq: number;
  /** RFC 3339, of the stand-in's clock. */
  readonly at: string;
  /** Whether the credential's status was set (perhaps to what it was). */
  readonly applied: boolean;
  /** IAM's error code when the update was refused. */
  readonly code: string | null;
  /** The fault that was injected into this update. */
  readonly fault: FaultKind | null;
}

/** Entries that are kept in memory. The file keeps all. */
const KEPT = 100_000;

/** What the stand-in was asked to change, in order, and what it did. */
export class UpdateJournal {
  #entries: JournalEntry[] = [];
  #seq = 0;
  readonly #calls = new Map<string, number>();
  #file: number | undefined;

  /** @param file JSON Lines are appended to it, each before its update is answered */
  constructor(file?: string) {
    this.#file = file === undefined ? undefined : openSync(file, "a");
  }

  /** The newest 100,000, oldest first. */
  entries(): readonly JournalEntry[] {
    return this.#entries.slice(-KEPT);
  }

  /** Written to the file, if there is one, when this returns: it outlives a `kill -9` of either side. */
  append(entry: Omit<JournalEntry, "seq">): void {
    this.#seq += 1;
    const numbered = { seq: this.#seq, ...entry };
    if (this.#file !== undefined) writeSync(this.#file, `${JSON.stringify(numbered)}\n`);
    this.#entries.push(numbered);
    if (this.#entries.length >= 2 * KEPT) this.#entries = this.#entries.slice(-KEPT);
  }

  /** Counts a call of any action, reads included. */
  count(action: string): void {
    this.#calls.set(action, this.calls(action) + 1);
  }

  /** How often an action was called. */
  calls(action: string): number {
    return this.#calls.get(action) ?? 0;
  }

  /** Forgets what is in memory. The file stays as it is. */
  clear(): void {
    this.#entries = [];
    this.#calls.clear();
  }

  /** What is appended afterwards stays in memory: the descriptor may be somebody else's file by then. */
  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}
