import type { Bundle } from "../bundle.ts";
import type { PolicyData } from "../data.ts";
import type { PolicyFault } from "../pdp.ts";
import type { Direction, FlipGroup } from "./flips.ts";

export interface ReplayOptions {
  /** The policies and the data that the decisions are put before. */
  readonly bundle: Bundle;
  readonly data: PolicyData;
  readonly filter?: ReplayFilter;
  /** Index of the record with which the replay begins; by default the first. */
  readonly from?: number;
  /** IAM users that are the gateway's own, as far as they are known: it guards them, whatever policy says. */
  readonly ownUserNames?: readonly string[];
  /**
   * Whether what the log calls the gateway's own user is taken for it too; by default it is. A record does not say who
   * the gateway was, only that it refused for this reason.
   */
  readonly ownUserAsRecorded?: boolean;
  /** Monotonic milliseconds, by which evaluations are timed. */
  readonly now?: () => number;
  /** Told again and again how many records have been read, and of how many. */
  readonly onProgress?: (done: number, of: number) => void;
}

/** Which decisions are judged again; all of it must hold. */
export interface ReplayFilter {
  /** Epoch milliseconds of the record's time: not before, and before. */
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  /** The IAM user whose credential it was about; without case, as IAM compares them. */
  readonly userName?: string | undefined;
  /** Who asked: an id, or issuer and id with a blank between. */
  readonly principal?: string | undefined;
}

/** What a candidate would have made of a log's history. */
export interface Replay {
  readonly candidate: { readonly revision: string; readonly wasmDigest: string };
  /** Decisions that were judged again. */
  readonly judged: number;
  /** Epoch milliseconds of the earliest and the latest record of these; undefined when there are none. */
  readonly first: number | undefined;
  readonly last: number | undefined;
  readonly flips: Readonly<Record<Direction, number>>;
  /** Decisions that would stay what they are, but for other reasons. */
  readonly otherReasons: number;
  /**
   * Decisions for which the candidate asks for facts that are not on record, by the way in which they may flip: what it
   * would decide is not known. They are not among those that were judged.
   */
  readonly factsUnknown: Readonly<Record<Direction, number>>;
  /** Denied by the gateway itself because it is its own user, though the candidate would allow it. */
  readonly guarded: number;
  /** Records whose body is gone. What decisions were among them is not known. */
  readonly pruned: number;
  /** Bodies that are no record, or hold a decision or an input that cannot be read. */
  readonly unreadable: number;
  readonly firstUnreadable: number | undefined;
  /** What went wrong in the candidate, by code; a decision denies then, but for `policy-slow`. */
  readonly faults: readonly ReplayFault[];
  readonly groups: readonly FlipGroup[];
}

export interface ReplayFault {
  readonly code: PolicyFault["code"];
  readonly count: number;
  /** Of the first record with it, and what was thrown there. */
  readonly index: number;
  readonly message: string;
}
