import type { DatabaseSync, StatementSync } from "node:sqlite";
import { STRETCH } from "./schema.ts";

/** Spans are kept to the minute, so that hardly any commit has to write one. */
const MINUTE = 60_000;

/**
 * The earliest and the latest time in each stretch of the log, so that a search by time passes over the others. Clocks
 * jump, so the stretches overlap.
 */
export class Spans {
  readonly #extend: StatementSync;
  readonly #span: StatementSync;
  readonly #pending = new Map<number, { first: number; last: number }>();

  constructor(db: DatabaseSync) {
    this.#extend = db.prepare(
      `INSERT INTO spans (stretch, first_time, last_time) VALUES (?, ?, ?) ON CONFLICT (stretch)
       DO UPDATE SET first_time = min(first_time, excluded.first_time), last_time = max(last_time, excluded.last_time)
       WHERE excluded.first_time < first_time OR excluded.last_time > last_time`,
    );
    this.#span = db.prepare("SELECT first_time, last_time FROM spans WHERE stretch = ?");
  }

  /** Whether anything in that stretch of the log may be in a span of time: not before `since`, and before `until`. */
  mayHold(stretch: number, { since, until }: { readonly since?: number; readonly until?: number }): boolean {
    if (since === undefined && until === undefined) return true;
    const row = this.#span.get(stretch);
    if (row === undefined) return true;
    const isLater = since === undefined || Number(row["last_time"]) >= since;
    return isLater && (until === undefined || Number(row["first_time"]) < until);
  }

  /** @param time epoch milliseconds of something in the record at that index */
  add(index: number, time: number): void {
    const stretch = Math.floor(index / STRETCH);
    const span = this.#pending.get(stretch);
    if (span === undefined) this.#pending.set(stretch, { first: time, last: time });
    else {
      span.first = Math.min(span.first, time);
      span.last = Math.max(span.last, time);
    }
  }

  /** Writes what was added. */
  flush(): void {
    for (const [stretch, { first, last }] of this.#pending) {
      this.#extend.run(stretch, Math.floor(first / MINUTE) * MINUTE, Math.ceil(last / MINUTE) * MINUTE);
    }
    this.#pending.clear();
  }

  /** Forgets what was added, its transaction having come to nothing. */
  forget(): void {
    this.#pending.clear();
  }
}
