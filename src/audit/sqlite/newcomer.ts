import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import type { Head } from "../head.ts";
import type { LogIdentity } from "../log-keys.ts";
import { verifyTail } from "../log-tail.ts";
import { LogTables } from "./log-tables.ts";
import { atOneMoment } from "./prepared.ts";
import { Spans } from "./spans.ts";

/**
 * Verifies the end of a log as somebody would find it who opens its file now: a connection that has it open for long
 * does not read again what it has in memory.
 * @throws LogFault when it does not end as it was written
 */
export function verifyAnew(file: string, identity: LogIdentity, remembered: Head | undefined): void {
  const db = new DatabaseSync(file, { readOnly: true, timeout: 1500 });
  try {
    const log = new LogTables(db, new Spans(db));
    atOneMoment(db, () => verifyTail(log.tail(), identity, remembered));
  } finally {
    db.close();
  }
}

/** Records in a database that may be anything; it is left as it is found. Undefined when it is no log. */
export function sizeOf(file: string): number | undefined {
  const url = pathToFileURL(file);
  // https://www.sqlite.org/uri.html: "immutable" makes no files beside it, and takes none there for its own.
  url.searchParams.set("immutable", "1");
  url.searchParams.set("mode", "ro");
  try {
    const db = new DatabaseSync(url);
    try {
      return Number(db.prepare("SELECT coalesce(max(size), 0) AS size FROM checkpoints").get()?.["size"]);
    } finally {
      db.close();
    }
  } catch {
    return undefined;
  }
}
