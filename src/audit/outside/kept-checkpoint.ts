import type { SignedHead } from "../journal.ts";
import { compareWithLog } from "./compare.ts";
import type { ComparableLog, OutsideMemory } from "./memory.ts";

/** A place that keeps one text and knows nothing of logs. */
export interface Place {
  readonly name: string;
  /** Undefined when there is none. @throws Error when it cannot be asked */
  read(): Promise<Kept | undefined>;
  /**
   * Puts a text in the place of what was read.
   * @throws Error when it could not be kept, or when somebody else has put another there since, as far as the place can tell
   */
  write(text: string, before: Kept | undefined): Promise<void>;
}

export interface Kept {
  readonly text: string;
  /** Names this very version of it (an ETag), where the place knows such names. */
  readonly version?: string;
}

/** Makes an outside memory of such a place. Several gateways of one log may share it. */
export function keptCheckpoint(place: Place): OutsideMemory {
  return {
    name: place.name,
    cosigns: false,
    last: async () => (await place.read())?.text,
    async remember(log: ComparableLog): Promise<SignedHead | undefined> {
      const before = await place.read();
      const comparison = before && (await compareWithLog(place.name, before.text, log));
      const head = await log.head();
      if (head !== undefined && comparison !== "same") await place.write(head.checkpoint, before);
      return head;
    },
  };
}
