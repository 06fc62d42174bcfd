import { lastingCodes } from "../prune/statements.ts";
import type { Findings } from "./findings.ts";
import { unmappedOf } from "./outline.ts";

/** The record of a pruning says before which index bodies were dropped. */
export const PRUNED_CODE = "lockkeeper.audit.pruned";

/** Bodies that are not there any more. They may be missing where a later record says that they were pruned, and only there. */
export class Pruned {
  /** Bodies that are missing. */
  missing = 0;
  /** Stretches of them: first and behind the last. */
  readonly #gaps: { readonly from: number; to: number }[] = [];
  /** Prunings: behind the last record of which a body was dropped, and how many were. */
  readonly #prunings: { readonly before: number; readonly records: number }[] = [];
  /** Records that are missing their body though no pruning drops it. */
  readonly #lasting: number[] = [];

  /** @param code of the record, where the store has it beside the body */
  miss(index: number, code?: string): void {
    this.missing += 1;
    if (code !== undefined && lastingCodes.includes(code)) this.#lasting.push(index);
    const last = this.#gaps.at(-1);
    if (last?.to === index) last.to = index + 1;
    else this.#gaps.push({ from: index, to: index + 1 });
  }

  /** A record of a pruning. What comes after it, it says nothing of. */
  declared(index: number, body: Buffer): void {
    const { before_index: before, records } = unmappedOf(body);
    if (typeof before !== "number" || before > index) return;
    this.#prunings.push({ before, records: typeof records === "number" ? records : 0 });
  }

  /** After the last record. */
  end(findings: Findings): void {
    for (const { from, to } of this.#gaps) {
      const first = Math.max(from, ...this.#prunings.map(({ before }) => before));
      if (first >= to) continue;
      const which =
        to - first === 1 ? `The body of record ${first} is` : `The bodies of records ${first} to ${to - 1} are`;
      findings.add("body-missing", first, `${which} missing, and no record says that they were pruned.`);
    }
    for (const index of this.#lasting) {
      findings.add(
        "body-missing",
        index,
        `The body of record ${index} is missing, and bodies of its kind are not pruned.`,
      );
    }
    this.#compareCounts(findings);
  }

  /** More bodies may not be missing from any index on than all prunings that reach beyond it have dropped. */
  #compareCounts(findings: Findings): void {
    const prunings = this.#prunings.sort((one, other) => other.before - one.before);
    const end = prunings[0]?.before ?? 0;
    let declared = 0;
    for (const [at, { records }] of prunings.entries()) {
      declared += records;
      const from = prunings[at + 1]?.before ?? 0;
      const gaps = this.#gaps
        .map((gap) => ({ from: Math.max(gap.from, from), to: Math.min(gap.to, end) }))
        .filter((gap) => gap.from < gap.to);
      const missing = gaps.reduce((sum, gap) => sum + gap.to - gap.from, 0);
      if (missing <= declared) continue;
      const first = gaps[0]?.from ?? from;
      const message = `${missing} bodies of the records ${first} to ${end - 1} are missing, and records say of ${declared} that they were pruned.`;
      findings.add("body-missing", first, message);
      return;
    }
  }
}
