import type { OutcomeName } from "../../changes/outcome.ts";
import { carriedOver } from "./carried-over.ts";
import type { Findings } from "./findings.ts";
import { deadlineOf, type Outline, object, unmappedOf } from "./outline.ts";
import { SeenIds } from "./seen-ids.ts";

/** How far a change has come. */
interface Progress {
  /** Index of its intent; undefined when that may have been pruned. */
  readonly intent: number | undefined;
  /** Epoch milliseconds. */
  readonly deadline: number | undefined;
  /** The change whose place it took. */
  readonly supersedes: string | undefined;
  outcome?: OutcomeName;
  /** `status_code` of its read-back. */
  readBack?: string | undefined;
  /** It may be read back again: the one that took its place failed, and may have been the last to hold the credential. */
  readBackAgain?: boolean;
}

export interface ChangeCounts {
  /** Intents. */
  changes: number;
  outcomes: number;
  readBacks: number;
  denials: number;
}

/** Changes whose end is not in the log. */
export interface OpenChanges {
  readonly count: number;
  /** Of them, those whose deadline is over: the reconciliation has them to settle. */
  readonly overdue: number;
  /** Index of the first one's intent. */
  readonly first: number | undefined;
}

/**
 * How long the log may go on after a change's deadline without saying how it ended: the longest time that the
 * reconciliation can be told to wait for IAM, and a day to spare.
 */
const SETTLED_WITHIN_MS = 2 * 86_400_000;
/** A gateway that has just started has to look first. */
const SETTLED_AFTER_START_MS = 3_600_000;

/**
 * As many changes, up to twice that, are remembered though they have ended: whoever reads one back may be overtaken by its
 * outcome, but not by thousands of others.
 */
const RECENT = 4096;

const PREFIX = "credential.status.";
const outcomeNames: ReadonlyMap<number, OutcomeName> = new Map([
  [0, "unknown"],
  [1, "applied"],
  [2, "failed"],
]);

/**
 * Follows every change through the log by the journal's own rules (`operations.ts`): an intent or a denial first and
 * once; then an outcome and a read-back, each once, in either order. That a change was superseded stands directly before
 * the intent that took its place (but for what a recovery has carried over); when that one fails, the first may be read
 * back once more.
 *
 * Memory: changes that have ended are soon forgotten but for a few bytes. What comes long after a change's end is put
 * aside as a stray, to be judged in a second look at the log that keeps only these changes, but all of them (`strays`).
 */
export class Changes {
  readonly counts: ChangeCounts = { changes: 0, outcomes: 0, readBacks: 0, denials: 0 };
  /** Ids of changes to be looked at again. */
  readonly strays = new Set<string>();
  readonly #findings: Findings;
  /** On the second look: the only changes that count. */
  readonly #only: ReadonlySet<string> | undefined;
  /** The latest changes, and those before them that may still get a step. */
  #latest = new Map<string, Progress>();
  #earlier = new Map<string, Progress>();
  readonly #seen: { add(id: string): boolean };
  #superseded: { readonly id: string; readonly by: string; readonly index: number } | undefined;
  #carried = 0;
  #bodiesMissing = false;
  #started = 0;
  #newest = 0;

  constructor(findings: Findings, only?: ReadonlySet<string>) {
    this.#findings = findings;
    this.#only = only;
    this.#seen = only === undefined ? new SeenIds() : exactly();
  }

  /** A record whose body has been pruned. */
  skip(): void {
    this.#bodiesMissing = true;
    this.#superseded = undefined;
  }

  /** The next record. */
  take(index: number, outline: Outline, body: Buffer): void {
    const superseded = this.#superseded;
    this.#superseded = undefined;
    const { code, correlation: id } = outline;
    const isIntent = code === "credential.status.intent";
    if (index === 0) this.#carried = carriedOver(outline, body).records;
    if (superseded !== undefined && !(isIntent && id === superseded.by) && index > this.#carried) {
      this.#findings.add("superseder-missing", index, supersederMissing(superseded));
    }
    if (code === "lockkeeper.service.started") this.#started = outline.time;
    if (!code.startsWith(PREFIX)) return;
    this.#newest = outline.time;
    if (this.#only !== undefined && !this.#only.has(id)) return;
    if (isIntent) this.#begin(index, id, body, superseded?.id);
    else if (code === "credential.status.outcome") this.#end(index, id, outline);
    else if (code === "credential.status.reconciled") this.#readBack(index, id, outline, body);
    else if (code === "credential.status.denied") {
      this.counts.denials += 1;
      this.#first(index, id);
    }
  }

  /**
   * After the last record.
   * @param now epoch milliseconds
   */
  open(now: number): OpenChanges {
    const superseded = this.#superseded;
    if (superseded !== undefined) {
      this.#findings.add("superseder-missing", superseded.index + 1, supersederMissing(superseded));
    }
    let [count, overdue] = [0, 0];
    let first: number | undefined;
    for (const [id, { intent, deadline, outcome, readBack }] of [...this.#earlier, ...this.#latest]) {
      if (intent === undefined || readBack !== undefined || outcome === "applied" || outcome === "failed") continue;
      count += 1;
      first = first === undefined ? intent : Math.min(first, intent);
      if (deadline === undefined || deadline < now) overdue += 1;
      const due = Math.max((deadline ?? 0) + SETTLED_WITHIN_MS, this.#started + SETTLED_AFTER_START_MS);
      if (this.#newest > due) this.#findings.add("no-end", intent, noEnd(intent, id, outcome));
    }
    return { count, overdue, first };
  }

  /** @returns whether nothing is known of this change */
  #first(index: number, id: string): boolean {
    if (!this.#seen.add(id)) return true;
    if (this.#only === undefined) this.strays.add(id);
    else this.#findings.add("repeated", index, `Record ${index} opens the change ${id} a second time.`);
    return this.#known(id) === undefined;
  }

  #begin(index: number, id: string, body: Buffer, supersedes: string | undefined): void {
    this.counts.changes += 1;
    if (this.#first(index, id)) this.#add(id, { intent: index, deadline: deadlineOf(body), supersedes });
  }

  #end(index: number, id: string, { statusId }: Outline): void {
    this.counts.outcomes += 1;
    const change = this.#changeOf(index, id);
    if (change === undefined) return;
    if (change.outcome !== undefined) {
      this.#findings.add("repeated", index, `Record ${index} is a second outcome of the change ${id}.`);
      return;
    }
    change.outcome = outcomeNames.get(statusId) ?? "unknown";
    if (change.outcome === "failed") this.#reopen(change.supersedes, change.readBack === undefined);
  }

  #readBack(index: number, id: string, { statusCode }: Outline, body: Buffer): void {
    this.counts.readBacks += 1;
    const change = this.#changeOf(index, id);
    if (statusCode === "superseded" && this.#only === undefined) {
      const by = object(unmappedOf(body)["readBack"])?.["supersededBy"];
      this.#superseded = { id, by: String(by), index };
    }
    if (change === undefined) return;
    if (change.readBack !== undefined && change.readBackAgain !== true) {
      this.#findings.add("repeated", index, `Record ${index} is a second read-back of the change ${id}.`);
      return;
    }
    change.readBack = statusCode ?? "";
    change.readBackAgain = false;
  }

  #changeOf(index: number, id: string): Progress | undefined {
    const change = this.#known(id);
    if (change !== undefined) return change;
    if (this.#only === undefined) {
      this.strays.add(id);
      return undefined;
    }
    if (!this.#bodiesMissing) {
      this.#findings.add("no-intent", index, `Record ${index} ends the change ${id}, which was never begun.`);
    }
    // Its intent was pruned, or the fault has been told: either way there may be no second end.
    const pruned: Progress = { intent: undefined, deadline: undefined, supersedes: undefined };
    this.#add(id, pruned);
    return pruned;
  }

  /**
   * What `Operations` does when the change that took a place fails: the one before it is open again.
   * @param held whether the failed change held the credential until now, so that it is certainly free
   */
  #reopen(id: string | undefined, held: boolean): void {
    const change = id === undefined ? undefined : this.#known(id);
    if (change === undefined || change.outcome === "applied") return;
    if (change.outcome === "failed") this.#reopen(change.supersedes, held);
    else if (held) change.readBack = undefined;
    else change.readBackAgain = true;
  }

  #known(id: string): Progress | undefined {
    return this.#latest.get(id) ?? this.#earlier.get(id);
  }

  #add(id: string, change: Progress): void {
    this.#latest.set(id, change);
    if (this.#latest.size < RECENT) return;
    const kept = this.#latest;
    for (const [earlier, progress] of this.#earlier) {
      if (this.#only !== undefined || !isComplete(progress)) kept.set(earlier, progress);
    }
    this.#earlier = kept;
    this.#latest = new Map();
  }
}

/** What was superseded may be opened again, and what has no outcome may still get one. */
function isComplete({ outcome, readBack }: Progress): boolean {
  if (outcome === undefined || readBack === "superseded") return false;
  return outcome !== "unknown" || readBack !== undefined;
}

/** On the second look there are few ids, and no room for doubt. */
function exactly(): { add(id: string): boolean } {
  const ids = new Set<string>();
  return { add: (id) => ids.size === ids.add(id).size };
}

function supersederMissing({ index, by }: { index: number; by: string }): string {
  return `Record ${index} says that the change ${by} took a place, and the next record is not that change's intent.`;
}

function noEnd(index: number, id: string, outcome: OutcomeName | undefined): string {
  const known = outcome === undefined ? "no outcome" : "an unknown outcome and no read-back";
  return `Record ${index} begins the change ${id}, which has ${known}, though the log went on for days after its deadline.`;
}
