import { DatabaseSync } from "node:sqlite";
import { LockkeeperError } from "../../errors.ts";
import type { StoredRecord } from "../journal.ts";

/**
 * Reads records of a log in order, beside a gateway that may be writing to it.
 * @param file path of the database, `data/lockkeeper.db`
 * @param range from an index on, or the newest; at most `limit`
 * @throws LockkeeperError `audit-unreadable` when the file is no audit log
 */
export function readRecords(
  file: string,
  { from, limit }: { readonly from: number | "newest"; readonly limit: number },
): StoredRecord[] {
  try {
    const db = new DatabaseSync(file, { readOnly: true });
    try {
      const first = from === "newest" ? "(SELECT max(idx) - ? + 1 FROM records)" : "?";
      return db
        .prepare(`SELECT idx, body, leaf_hash FROM records WHERE idx >= ${first} ORDER BY idx LIMIT ?`)
        .all(from === "newest" ? limit : from, limit)
        .map((row) => ({ index: Number(row["idx"]), body: String(row["body"]), leafHash: String(row["leaf_hash"]) }));
    } finally {
      db.close();
    }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new LockkeeperError("audit-unreadable", `Cannot read an audit log from ${file}: ${why}.`, {}, { cause });
  }
}
