// Loaded before a program with `--import`, in each of its threads: the double of a control. A transaction is committed
// when the next one begins, or a little later; until then whoever waits for it believes that it was.
import { DatabaseSync } from "node:sqlite";

const LATE_MS = 30;
const { exec } = DatabaseSync.prototype;
const late = new Map<DatabaseSync, NodeJS.Timeout>();

function commit(db: DatabaseSync): void {
  clearTimeout(late.get(db));
  if (late.delete(db) && db.isOpen) exec.call(db, "COMMIT");
}

DatabaseSync.prototype.exec = function (sql) {
  commit(this);
  if (sql !== "COMMIT") exec.call(this, sql);
  else late.set(this, setTimeout(commit, LATE_MS, this));
};
