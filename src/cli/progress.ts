import type { Clock } from "../clock.ts";
import type { Output } from "./keys.ts";

const EVERY_MS = 3_000;

/**
 * Tells people how far a long run has come, every few seconds, on a terminal or not; of a short one nothing.
 * @param verb what is being done: `verified`
 * @returns to be told how many records are done, and of how many
 */
export function progress(
  verb: string,
  { clock, output }: { readonly clock: Pick<Clock, "now">; readonly output: Pick<Output, "note"> },
): (done: number, of: number) => void {
  let last = clock.now();
  return (done, of) => {
    const now = clock.now();
    if (now - last < EVERY_MS) return;
    last = now;
    output.note(`${verb}: ${done} of ${of} records (${Math.floor((100 * done) / Math.max(1, of))} %)`);
  };
}
