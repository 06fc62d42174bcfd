import type { Occurrences } from "../audit/refusal-record.ts";

/** How often the same was refused to one source; without a source, to all those that are not kept apart. */
export interface Counted<Source> {
  readonly key: string;
  readonly source: Source | undefined;
  readonly seen: Occurrences;
}

/** Sources that are kept apart. A flood from ever new ones fills neither the memory nor the log. */
const MAX_KEPT_APART = 256;
const OTHERS = "";

/** Counts by source, in bounded memory. */
export class RefusalCounts<Source> {
  #counts = new Map<string, Counted<Source>>();

  /** @param key tells sources apart; never empty */
  add(counted: Counted<Source>): void {
    const isKeptApart = this.#counts.has(counted.key) || this.#counts.size < MAX_KEPT_APART;
    const { key, source, seen } = isKeptApart ? counted : { ...counted, key: OTHERS, source: undefined };
    const before = this.#counts.get(key);
    this.#counts.set(key, { key, source: before?.source ?? source, seen: before ? sum(before.seen, seen) : seen });
  }

  /** What was counted since the last time, and starts anew. */
  take(): readonly Counted<Source>[] {
    const counted = [...this.#counts.values()];
    this.#counts = new Map();
    return counted;
  }
}

function sum(a: Occurrences, b: Occurrences): Occurrences {
  return { count: a.count + b.count, first: Math.min(a.first, b.first), last: Math.max(a.last, b.last) };
}
