import { HASH_BYTES } from "../../tlog/hash.ts";
import type { LogEntry } from "../log-reader.ts";
import type { Background } from "./background.ts";
import { carriedOver } from "./carried-over.ts";
import type { Changes } from "./changes.ts";
import type { Findings } from "./findings.ts";
import { type Outline, outlineOf, parsedOutline } from "./outline.ts";
import type { Outside } from "./outside.ts";
import { PRUNED_CODE, type Pruned } from "./pruned.ts";
import type { TreeCheck } from "./tree-check.ts";

/** Where each record of a log goes while it is read from one end to the other. */
export interface RecordChecks {
  readonly tree: Pick<TreeCheck, "append" | "break">;
  readonly changes: Pick<Changes, "take" | "skip">;
  readonly pruned: Pick<Pruned, "miss" | "declared">;
  readonly outside: Pick<Outside, "leaves" | "compare">;
  readonly background: Pick<Background, "wrongLeaves" | "busy">;
  readonly findings: Findings;
}

/** One look at every record, in order. */
export class RecordPass {
  /** Index of the record that has to come next. */
  next = 0;
  /** Records that were there, and bodies that were hashed. */
  records = 0;
  bodies = 0;
  /** Body of the record at index 0; undefined when there is none. */
  first: Buffer | undefined;
  readonly #checks: RecordChecks;
  /** Index of the last record that a recovery has copied as it was, though it may be anything. */
  #anything = 0;
  #hashing: Promise<void> = Promise.resolve();

  constructor(checks: RecordChecks) {
    this.#checks = checks;
  }

  /** The next records, in order. What is found wrong may still be to come when it resolves: see `settled`. */
  async takeAll(entries: readonly LogEntry[]): Promise<void> {
    for (const entry of entries) this.#take(entry);
    const hashing = this.#hash(entries);
    this.#hashing = Promise.all([this.#hashing, hashing]).then(() => {});
    // Whoever asks whether it is done gets the error.
    this.#hashing.catch(() => {});
    if (this.#checks.background.busy) await hashing;
  }

  /** Resolves when all bodies have been hashed. */
  async settled(): Promise<void> {
    await this.#hashing;
  }

  async #hash(entries: readonly LogEntry[]): Promise<void> {
    const { background, findings } = this.#checks;
    for (const index of await background.wrongLeaves(entries)) {
      findings.add("body-changed", index, `The body of record ${index} is not the one that was hashed into the log.`);
    }
  }

  #take(entry: LogEntry): void {
    const { tree, changes, pruned, outside, findings } = this.#checks;
    const { index, body, leafHash } = entry;
    if (index !== this.next) this.skipTo(index);
    this.next = index + 1;
    this.records += 1;
    // The others are compared with their bodies, all of a chunk together.
    if (leafHash.length !== HASH_BYTES)
      findings.add("body-changed", index, `The leaf hash of record ${index} is none.`);
    if (body === null) {
      pruned.miss(index, entry.columns?.code);
      changes.skip();
    } else {
      if (index === 0) this.first = body;
      this.bodies += 1;
      const outline = this.#outlineOf(entry, body);
      if (outline !== undefined) {
        if (index === 0) this.#recovered(outline, body);
        changes.take(index, outline, body);
        if (outline.code === PRUNED_CODE) pruned.declared(index, body);
      }
    }
    tree.append(leafHash);
    if (outside.leaves.size > 0) outside.compare(index, leafHash, findings);
  }

  /** @param index of the record that was found, or the end of the log */
  skipTo(index: number): void {
    if (index === this.next) return;
    const [first, last] = [this.next, index - 1];
    const message = first === last ? `Record ${first} is missing.` : `The records ${first} to ${last} are missing.`;
    this.#checks.findings.add("record-missing", first, message);
    this.#checks.tree.break();
    this.#checks.changes.skip();
  }

  #recovered(outline: Outline, body: Buffer): void {
    const { records, damaged } = carriedOver(outline, body);
    if (damaged) this.#anything = records;
  }

  #outlineOf({ index, columns }: LogEntry, body: Buffer): Outline | undefined {
    const { findings } = this.#checks;
    let outline = outlineOf(body);
    if (index > 0 && index <= this.#anything) return outline;
    if (outline !== undefined && columns !== undefined && !isSame(outline, columns)) {
      outline = parsedOutline(body);
      const names = outline === undefined ? [] : differing(outline, columns);
      if (names.length > 0) {
        const message = `Beside the body of record ${index} stands another ${names.join(", ")} than in it.`;
        findings.add("columns-changed", index, message);
      }
    }
    if (outline === undefined)
      findings.add("not-a-record", index, `Record ${index} is not one that Lockkeeper writes.`);
    return outline;
  }
}

function isSame(outline: Outline, { uid, correlation, code, time }: NonNullable<LogEntry["columns"]>): boolean {
  return outline.uid === uid && outline.correlation === correlation && outline.code === code && outline.time === time;
}

function differing(outline: Outline, columns: NonNullable<LogEntry["columns"]>): string[] {
  const names = [];
  if (outline.uid !== columns.uid) names.push("uid");
  if (outline.correlation !== columns.correlation) names.push("correlation");
  if (outline.code !== columns.code) names.push("code");
  if (outline.time !== columns.time) names.push("time");
  return names;
}
