import type { DatabaseSync } from "node:sqlite";
import type { Sql } from "../sql.ts";

/** A database as it is asked in the words that both stores understand. */
export function sqliteSql(db: DatabaseSync): Sql {
  return {
    async all(text, ...values) {
      const named = Object.fromEntries(values.map((value, at) => [`$${at + 1}`, value]));
      const statement = db.prepare(text);
      // Of a log that is damaged, a number may be greater than one that JavaScript has.
      statement.setReadBigInts(true);
      return statement.all(named);
    },
  };
}
