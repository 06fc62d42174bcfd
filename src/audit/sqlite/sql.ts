import type { DatabaseSync } from "node:sqlite";
import type { Sql } from "../sql.ts";

/** A database as it is asked in the words that both stores understand. */
export function sqliteSql(db: DatabaseSync): Sql {
  return {
    async all(text, ...values) {
      const named = Object.fromEntries(values.map((value, at) => [`$${at + 1}`, value]));
      return db.prepare(text).all(named);
    },
  };
}
