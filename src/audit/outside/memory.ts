import type { Journal, SignedHead } from "../journal.ts";
import type { LogKeys } from "../log-keys.ts";

/** The log as far as it takes to compare it with what was remembered outside, and to send its newest head there. */
export interface ComparableLog extends Pick<Journal, "head" | "consistency" | "proven"> {
  /** As configured: of the first log of its lineage. */
  readonly keys: Pick<LogKeys, "origin" | "trustedKeys">;
}

/**
 * A place that keeps the log's newest checkpoint where whoever rolls the log back does not reach it. Whatever comes from
 * there is looked at before it is believed; an error that is no LockkeeperError says that the place could not be asked.
 */
export interface OutsideMemory {
  /** For people: what it is and where. Holds no secret. */
  readonly name: string;
  /** Whether it signs what it remembers. */
  readonly cosigns: boolean;
  /**
   * The newest checkpoint that it keeps, not yet looked at. Undefined when it keeps none, or cannot be asked without being
   * told a new one, as a witness cannot.
   */
  last(): Promise<string | undefined>;
  /**
   * Takes the log's newest head once it has been seen to continue what is remembered.
   * @returns the head that is remembered now, its checkpoint with the cosignature of a witness; undefined of an empty log
   * @throws LockkeeperError `audit-rolled-back` when the log does not continue what is remembered, `configuration` when
   *   what is there is no checkpoint of this log
   */
  remember(log: ComparableLog): Promise<SignedHead | undefined>;
}

/** Bytes of a checkpoint: notes hold at least 16 signatures (c2sp.org/signed-note), some of them of nearly 5 kB. */
export const MAX_CHECKPOINT_BYTES = 128 * 1024;
