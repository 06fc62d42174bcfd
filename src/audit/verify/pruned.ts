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
  #before = 0;

  miss(index: number): void {
    this.missing += 1;
    const last = this.#gaps.at(-1);
    if (last?.to === index) last.to = index + 1;
    else this.#gaps.push({ from: index, to: index + 1 });
  }

  /** A record of a pruning. What comes after it, it says nothing of. */
  declared(index: number, body: Buffer): void {
    const before = unmappedOf(body)["before_index"];
    if (typeof before === "number" && before <= index) this.#before = Math.max(this.#before, before);
  }

  /** After the last record. */
  end(findings: Findings): void {
    for (const { from, to } of this.#gaps) {
      const first = Math.max(from, this.#before);
      if (first >= to) continue;
      const which =
        to - first === 1 ? `The body of record ${first} is` : `The bodies of records ${first} to ${to - 1} are`;
      findings.add("body-missing", first, `${which} missing, and no record says that they were pruned.`);
    }
  }
}
