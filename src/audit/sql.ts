/** A row of an answer; whoever reads it parses its columns. PostgreSQL's bigint comes as text. */
export type SqlRow = Readonly<Record<string, unknown>>;

/**
 * The log's tables by plain SQL that SQLite and PostgreSQL understand alike, since they have the same names in both.
 * Parameters are `$1`, `$2`, …
 */
export interface Sql {
  all(text: string, ...values: (string | number)[]): Promise<readonly SqlRow[]>;
}

/** A number column; null stays null. */
export function numberOrNull(value: unknown): number | null {
  return value === null || value === undefined ? null : Number(value);
}

/** A text column; null stays null. */
export function textOrNull(value: unknown): string | null {
  return value === null || value === undefined ? null : String(value);
}
