/** What can be wrong with a log. Stable names; of several faults at one index, those above come first. */
const faultKinds = [
  /** A body is not what its leaf hash was made of. */
  "body-changed",
  /** A body is no record that Lockkeeper writes. */
  "not-a-record",
  /** What the database keeps beside a body says something else. */
  "columns-changed",
  /** An index without a record. */
  "record-missing",
  /** A body is gone, and no record of a pruning says so. */
  "body-missing",
  /** A head speaks of more records than there are. */
  "truncated",
  /** A head that is malformed, not signed by a trusted key, or of another log. */
  "checkpoint-invalid",
  /** The records are not those that a signed head was made of. */
  "root-differs",
  /** A stored hash of the tree is not the one that the records make. */
  "node-changed",
  /** Records that no signed head covers. */
  "unsigned-tail",
  /** A receipt or checkpoint from outside is of another history: the log was changed, cut, rolled back or forked. */
  "outside-differs",
  /** A receipt or checkpoint from outside is malformed or not signed by a trusted key. */
  "outside-invalid",
  /** An outcome or a read-back of a change that was never begun. */
  "no-intent",
  /** A step of a change that can be taken only once. */
  "repeated",
  /** A superseded change, and not the change that took its place behind it. */
  "superseder-missing",
  /** A log that is called a recovered one, and whose first record tells of no recovery. */
  "recovery-missing",
  /** A change whose end was never recorded, though the log went on. */
  "no-end",
  /** Part of an export is missing, or not what it says. */
  "export-damaged",
  /** The log could not be read to its end. */
  "unreadable",
] as const;

export type FaultKind = (typeof faultKinds)[number];

export interface Fault {
  readonly kind: FaultKind;
  /** Of the record that is wrong, or of the first of those among which it is; null when it is none of the log's. */
  readonly index: number | null;
  /** For people: what is wrong. */
  readonly message: string;
}

/** Faults that are kept in full; more than that are counted. */
const MOST = 100;

/** The faults of a log, those with the smallest indexes kept. */
export class Findings {
  #kept: Fault[] = [];
  #count = 0;

  add(kind: FaultKind, index: number | null, message: string): void {
    this.#count += 1;
    this.#kept.push({ kind, index, message });
    if (this.#kept.length >= 2 * MOST) this.#kept = this.#sorted().slice(0, MOST);
  }

  /** How many there are, also of those that were not kept. */
  get count(): number {
    return this.#count;
  }

  /** In the order of their indexes, those without one last. */
  get faults(): readonly Fault[] {
    return this.#sorted().slice(0, MOST);
  }

  #sorted(): Fault[] {
    const place = ({ index }: Fault) => index ?? Number.MAX_SAFE_INTEGER;
    const rank = ({ kind }: Fault) => faultKinds.indexOf(kind);
    return this.#kept.toSorted((one, other) => place(one) - place(other) || rank(one) - rank(other));
  }
}
