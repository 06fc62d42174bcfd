import { HASH_BYTES } from "../../tlog/hash.ts";
import type { LogReader } from "../log-reader.ts";
import type { CheckedHead } from "./checked-head.ts";
import type { Findings } from "./findings.ts";
import type { OutsideHead } from "./outside.ts";
import { StreamedTree } from "./streamed-tree.ts";

/** A head that the tree must have had at its size. */
type Mark = CheckedHead & Partial<Pick<OutsideHead, "name" | "explained">>;

/** Levels that a log of 2^53 records can have. */
const LEVELS = 6;

/**
 * Builds the tree anew from the leaf hashes. A root that a head was signed for has to come out at its size: that also makes
 * each older head one of a prefix of the newer ones.
 */
export class TreeCheck {
  /** Stored nodes and signed heads that were compared. */
  readonly counts = { nodes: 0, heads: 0 };
  readonly #reader: Pick<LogReader, "nodes">;
  readonly #findings: Findings;
  readonly #tree = new StreamedTree();
  /** Size of the newest head of the log that was as it should be. */
  #proven = 0;
  #differed = false;
  #broken = false;
  #outsideProven = 0;
  #marks: readonly Mark[] = [];
  #nextMark = 0;

  constructor(reader: Pick<LogReader, "nodes">, findings: Findings) {
    this.#reader = reader;
    this.#findings = findings;
  }

  get size(): number {
    return this.#tree.size;
  }

  /** Undefined when a record is missing, so that there is no tree. */
  get root(): Buffer | undefined {
    return this.#broken ? undefined : this.#tree.root();
  }

  /** Heads of sizes from the tree's own on, in order, to be compared as it grows. */
  expect(marks: readonly Mark[]): void {
    this.#marks = marks;
    this.#nextMark = 0;
    this.#compareHeads();
  }

  append(leaf: Buffer): void {
    if (this.#broken) return;
    if (leaf.length !== HASH_BYTES) {
      this.break();
      return;
    }
    this.#tree.append(leaf);
    this.#compareHeads();
  }

  /** A record is missing: what comes after it can be hashed, but makes no tree. */
  break(): void {
    this.#broken = true;
  }

  /** Compares the stored nodes with those that have been finished since the last call. */
  async compareNodes(): Promise<void> {
    if (this.#broken) return;
    const made = this.#tree.takeFinished();
    for (let level = 1; level <= LEVELS; level += 1) {
      const nodes = made.filter((node) => node.level === level);
      const [first] = nodes;
      if (first === undefined) break;
      const stored = await this.#reader.nodes(level, first.index, nodes.length);
      const hashes = new Map(stored.map(({ index, hash }) => [index, hash]));
      for (const { index, hash } of nodes) {
        this.counts.nodes += 1;
        if (hashes.get(index)?.equals(hash) !== true) this.#nodeDiffers(level, index, hashes.has(index));
      }
    }
  }

  /** After the last record: the store must not hold hashes of records that are not there. */
  async end(): Promise<void> {
    if (this.#broken) return;
    for (let level = 1; level <= LEVELS; level += 1) {
      const span = 256 ** level;
      const [extra] = await this.#reader.nodes(level, Math.floor(this.size / span), 256);
      if (extra === undefined) continue;
      const message = `There is a hash of records from ${extra.index * span} on, and not all of these records.`;
      this.#findings.add("node-changed", this.size, message);
    }
  }

  #compareHeads(): void {
    for (;;) {
      const mark = this.#marks[this.#nextMark];
      if (mark?.size !== this.#tree.size) return;
      this.#nextMark += 1;
      const same = this.#tree.root().equals(mark.root);
      if (mark.explained === true) continue;
      if (mark.name !== undefined) this.#compareOutside(mark.name, mark.size, same);
      else this.#compareOwn(mark.size, same);
    }
  }

  #compareOwn(size: number, same: boolean): void {
    this.counts.heads += 1;
    if (same) this.#proven = size;
    else if (!this.#differed) {
      this.#differed = true;
      const message = `The records ${this.#proven} to ${size - 1} are not those that the head of ${size} records was signed for.`;
      this.#findings.add("root-differs", this.#proven, message);
    }
  }

  #compareOutside(name: string, size: number, same: boolean): void {
    if (same) {
      this.#outsideProven = size;
      return;
    }
    const message = `The first ${size} records are not those that ${name[0]?.toLowerCase()}${name.slice(1)} was given for: this is another history of the log.`;
    this.#findings.add("outside-differs", this.#outsideProven, message);
  }

  #nodeDiffers(level: number, index: number, present: boolean): void {
    const [first, end] = [index * 256 ** level, (index + 1) * 256 ** level];
    // Records that a good head covers are as they were: then it is the hash that was changed, or one behind them.
    const at = this.#proven >= end ? first : Math.max(first, this.#proven);
    const what = present ? "is not the one that they make" : "is missing";
    this.#findings.add("node-changed", at, `The stored hash of the records ${first} to ${end - 1} ${what}.`);
  }
}
