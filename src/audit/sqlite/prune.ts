import { LockkeeperError } from "../../errors.ts";
import type { PrunableStore } from "../prune/prune.ts";
import { reopenDatabase } from "./database.ts";
import type { DatabaseOptions } from "./migrations.ts";
import { sqliteSql } from "./sql.ts";
import { messageOf } from "./sqlite-error.ts";

/** A gateway writes for a few milliseconds at a time, and so does whoever prunes. */
const PATIENCE_MS = 10_000;

/**
 * The log in a data folder, to be pruned beside a gateway. What is dropped is overwritten in the file
 * (https://www.sqlite.org/pragma.html#pragma_secure_delete). Its space is used again; the file does not get smaller.
 * @param file path of the database, `data/lockkeeper.db`
 * @throws LockkeeperError `audit-unavailable`
 */
export function openSqlitePruning(file: string, options: DatabaseOptions): PrunableStore & { close(): void } {
  try {
    const { db } = reopenDatabase(file, options);
    db.exec(`PRAGMA secure_delete = ON; PRAGMA busy_timeout = ${PATIENCE_MS}`);
    return {
      sql: sqliteSql(db),
      async change(statements) {
        db.exec("BEGIN IMMEDIATE");
        try {
          const changed = statements.map((statement) => Number(db.prepare(statement).run().changes));
          db.exec("COMMIT");
          return changed;
        } catch (error) {
          if (db.isTransaction) db.exec("ROLLBACK");
          throw error;
        }
      },
      close: () => db.close(),
    };
  } catch (cause) {
    const message = `The audit database ${file} cannot be pruned: ${messageOf(cause)}.`;
    throw new LockkeeperError("audit-unavailable", message, {}, { cause });
  }
}
