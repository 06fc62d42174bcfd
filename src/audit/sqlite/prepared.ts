import type { DatabaseSync, StatementSync } from "node:sqlite";

/** All statements of one part, prepared, by their names. */
export function prepareAll<Name extends string>(
  db: DatabaseSync,
  statements: Readonly<Record<Name, string>>,
): Record<Name, StatementSync> {
  const prepared = Object.entries<string>(statements).map(([name, sql]) => [name, db.prepare(sql)]);
  return Object.fromEntries(prepared) as Record<Name, StatementSync>;
}

/** Reads everything as it was at one moment, whatever another process commits meanwhile. */
export function atOneMoment<T>(db: DatabaseSync, read: () => T): T {
  db.exec("BEGIN");
  try {
    return read();
  } finally {
    if (db.isTransaction) db.exec("ROLLBACK");
  }
}
