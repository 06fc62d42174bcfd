import type { DatabaseSync } from "node:sqlite";
import { KEY_CHANGED_CODE, type KeyHistory } from "../key-change.ts";
import { isRareCode } from "./schema.ts";

/** What the tables say of the keys that have signed the log. */
export function keyHistory(db: DatabaseSync): KeyHistory {
  const head = db.prepare("SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1").get();
  const keys = db.prepare("SELECT vkey FROM keys ORDER BY first_size").all();
  const changed = db
    .prepare(`SELECT body FROM records WHERE code = ? AND ${isRareCode} ORDER BY idx DESC LIMIT 1`)
    .get(KEY_CHANGED_CODE)?.["body"];
  return {
    checkpoint: head && String(head["note"]),
    keys: keys.map((row) => String(row["vkey"])),
    changed: typeof changed === "string" ? changed : undefined,
  };
}
