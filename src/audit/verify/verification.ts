import type { ChangeCounts, OpenChanges } from "./changes.ts";
import type { Fault } from "./findings.ts";
import type { KeyUse } from "./heads.ts";
import type { Kept } from "./outside.ts";

export interface VerifyOptions {
  /** Verifier keys (vkeys) whose signatures count. Without any, signatures are not judged, and nothing is proven. */
  readonly trustedKeys: readonly string[];
  /** Which log it must be; by default the one that its first head names. */
  readonly origin?: string | undefined;
  /** Receipts (c2sp.org/tlog-proof) that the log gave, and checkpoints that it had, kept outside. */
  readonly receipts?: readonly Kept[];
  readonly checkpoints?: readonly Kept[];
  /** Told again and again how many records have been read, and of how many. */
  readonly onProgress?: (done: number, of: number) => void;
  /** Epoch milliseconds: by it open changes are called overdue. */
  readonly now: number;
}

/** What was looked at in a log, and what was found. */
export interface Verification {
  /** Undefined of a log without heads. */
  readonly origin: string | undefined;
  /** Records in the log. */
  readonly size: number;
  /** RFC 6962 root of all of them, hex; undefined when they make no tree, one being missing. */
  readonly root: string | undefined;
  /** Whether there were keys to judge signatures by. */
  readonly signaturesJudged: boolean;
  readonly checked: Checked;
  /** The trusted keys that signed heads. */
  readonly keys: readonly KeyUse[];
  readonly open: OpenChanges;
  /** How much is wrong; `faults` has the first of it, in order of the index. */
  readonly faultCount: number;
  readonly faults: readonly Fault[];
}

/** How much was checked. */
export interface Checked extends Readonly<ChangeCounts> {
  readonly records: number;
  /** Hashed and compared with their leaf. */
  readonly bodies: number;
  /** Missing. */
  readonly pruned: number;
  /** Stored hashes of the tree, compared. */
  readonly nodes: number;
  /** Signed heads, read. */
  readonly heads: number;
  /** Roots of the log's own heads, compared. */
  readonly roots: number;
  /** From outside, compared. */
  readonly receipts: number;
  readonly checkpoints: number;
}
