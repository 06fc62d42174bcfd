// Loaded before a program with `--import`, in each of its threads: the double of a control. SQLite then syncs the
// write-ahead log before a checkpoint only and not at each commit (https://www.sqlite.org/pragma.html#pragma_synchronous),
// and says that it does.
import { DatabaseSync } from "node:sqlite";

const { exec, prepare } = DatabaseSync.prototype;

DatabaseSync.prototype.exec = function (sql) {
  exec.call(this, sql.replace("synchronous = FULL", "synchronous = NORMAL"));
};
DatabaseSync.prototype.prepare = function (sql) {
  return prepare.call(this, sql === "PRAGMA synchronous" ? "SELECT 2" : sql);
};
