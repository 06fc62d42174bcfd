import { DatabaseSync } from "node:sqlite";
import { LockkeeperError } from "../../errors.ts";
import type { LoggedRecord } from "../journal.ts";
import { loggedRecord } from "./log-tables.ts";

/** In a log of Lockkeeper 0.1 that no newer one was started on, hashes are hexadecimal digits. */
const hash = "iif(typeof(leaf_hash) = 'blob', lower(hex(leaf_hash)), leaf_hash)";

/**
 * Reads records of a log in order, beside a gateway that may be writing to it.
 * @param file path of the database, `data/lockkeeper.db`
 * @param range from an index on, or the newest; at most `limit`
 * @throws LockkeeperError `audit-unreadable` when the file is no audit log
 */
export function readRecords(
  file: string,
  { from, limit }: { readonly from: number | "newest"; readonly limit: number },
): LoggedRecord[] {
  try {
    const db = new DatabaseSync(file, { readOnly: true });
    try {
      const first = from === "newest" ? "(SELECT max(idx) - ? + 1 FROM records)" : "?";
      return db
        .prepare(`SELECT idx, body, ${hash} AS hash FROM records WHERE idx >= ${first} ORDER BY idx LIMIT ?`)
        .all(from === "newest" ? limit : from, limit)
        .map(loggedRecord);
    } finally {
      db.close();
    }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new LockkeeperError("audit-unreadable", `Cannot read an audit log from ${file}: ${why}.`, {}, { cause });
  }
}
