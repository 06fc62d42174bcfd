/** Rows of one table as a batch sees them: those that were loaded for it, and what it has made of them. */
export class Rows<Row> {
  readonly #keyOf: (row: Row) => string;
  readonly #loaded: ReadonlyMap<string, Row>;
  readonly #now: Map<string, Row>;

  constructor(loaded: readonly Row[], keyOf: (row: Row) => string) {
    this.#keyOf = keyOf;
    this.#loaded = new Map(loaded.map((row) => [keyOf(row), row]));
    this.#now = new Map(this.#loaded);
  }

  get(key: string): Row | undefined {
    return this.#now.get(key);
  }

  values(): Iterable<Row> {
    return this.#now.values();
  }

  put(row: Row): void {
    this.#now.set(this.#keyOf(row), row);
  }

  remove(key: string): void {
    this.#now.delete(key);
  }

  /** Rows that are not in the table so far. */
  added(): Row[] {
    return [...this.#now].flatMap(([key, row]) => (this.#loaded.has(key) ? [] : [row]));
  }

  /** Rows that are in the table otherwise. */
  changed(): Row[] {
    return [...this.#now].flatMap(([key, row]) =>
      this.#loaded.has(key) && this.#loaded.get(key) !== row ? [row] : [],
    );
  }

  /** Rows that are not in the table, or otherwise. */
  written(): Row[] {
    return [...this.added(), ...this.changed()];
  }

  /** Rows that are in the table and are to go. */
  removed(): Row[] {
    return [...this.#loaded].flatMap(([key, row]) => (this.#now.has(key) ? [] : [row]));
  }
}
