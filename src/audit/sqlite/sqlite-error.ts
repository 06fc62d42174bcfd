/** SQLite's primary result codes (https://www.sqlite.org/rescode.html): another process holds the write lock. */
export const SQLITE_BUSY = 5;
/** The file is damaged. */
export const SQLITE_CORRUPT = 11;
/** A statement broke a rule of the schema. */
export const SQLITE_CONSTRAINT = 19;
/** The file is no database. */
export const SQLITE_NOTADB = 26;

/** The primary result code of an error of SQLite's; undefined for any other error. */
export function codeOf(error: unknown): number | undefined {
  const isSqlite = error instanceof Error && "errcode" in error && typeof error.errcode === "number";
  return isSqlite ? Number(error.errcode) & 0xff : undefined;
}

/** The table in which a row is there already; undefined for any other error. https://www.sqlite.org/rescode.html#constraint_unique */
export function tableWithSuchRow(error: unknown): string | undefined {
  if (codeOf(error) !== SQLITE_CONSTRAINT) return undefined;
  return /^UNIQUE constraint failed: (\w+)\./.exec(messageOf(error))?.[1];
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
