/** What stands for every value beyond the bound, and for those that are not of the form of a code. */
const OTHER = "other";
/** Codes of policies, of IAM, of the runtime: words, never sentences, ids or addresses. */
const CODE = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/;

/**
 * Keeps a label's values few: each of them is a time series in whoever reads the metrics, for as long as both run. The
 * first values that come are kept, all later ones are `other`. A value that is kept once stays.
 */
export class BoundedValues {
  readonly #max: number;
  readonly #kept = new Set<string>();

  /** @param max values that are told apart */
  constructor(max: number) {
    this.#max = max;
  }

  label(value: string): string {
    if (this.#kept.has(value)) return value;
    if (this.#kept.size >= this.#max || !CODE.test(value)) return OTHER;
    this.#kept.add(value);
    return value;
  }
}
