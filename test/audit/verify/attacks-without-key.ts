import { leafHash } from "../../../src/tlog/hash.ts";
import { nextTestKey, testKey } from "../../fixture/log-keys.ts";
import type { Attack } from "./attacked-log.ts";

/** Without the key: the log itself tells. */
export const withoutKey: readonly Attack[] = [
  {
    name: "a body is edited",
    run(by) {
      by.editBody(7);
      return ["body-changed", 7];
    },
  },
  {
    name: "a byte of a body becomes one that is not UTF-8",
    run(by) {
      by.run("UPDATE records SET body = CAST(replace(CAST(body AS BLOB), x'6f', x'ff') AS TEXT) WHERE idx = 300");
      return ["body-changed", 300];
    },
  },
  {
    name: "a body is swapped together with its leaf",
    run(by) {
      by.editBody(7);
      by.run("UPDATE records SET leaf_hash = ? WHERE idx = 7", leafHash(by.body(7)));
      return ["root-differs", 7];
    },
  },
  {
    name: "a leaf hash is cut",
    run(by) {
      by.run("UPDATE records SET leaf_hash = substr(leaf_hash, 1, 31) WHERE idx = 5");
      return ["body-changed", 5];
    },
  },
  {
    name: "a body is dropped and its leaf hash cut",
    run(by) {
      by.run("UPDATE records SET body = NULL, leaf_hash = substr(leaf_hash, 1, 31) WHERE idx = 5");
      return ["body-changed", 5];
    },
  },
  {
    name: "a record is deleted",
    run(by) {
      by.run("DELETE FROM records WHERE idx = 4");
      return ["record-missing", 4];
    },
  },
  {
    name: "a record is deleted and the others are moved up",
    run(by) {
      by.removeRecord(4);
      return ["root-differs", 4];
    },
  },
  {
    name: "all records are deleted",
    run(by) {
      by.run("DELETE FROM records");
      return ["truncated", 0];
    },
  },
  {
    name: "two bodies are swapped",
    run(by) {
      const [one, other] = [by.body(3), by.body(9)];
      by.run("UPDATE records SET body = ? WHERE idx = 3", other);
      by.run("UPDATE records SET body = ? WHERE idx = 9", one);
      return ["body-changed", 3];
    },
  },
  {
    name: "two records are swapped",
    run(by) {
      by.run("UPDATE records SET idx = -1 WHERE idx = 3");
      by.run("UPDATE records SET idx = 3 WHERE idx = 9");
      by.run("UPDATE records SET idx = 9 WHERE idx = -1");
      return ["root-differs", 3];
    },
  },
  {
    name: "a record is put in",
    run(by) {
      by.insertRecord(6, by.body(3));
      return ["root-differs", 6];
    },
  },
  {
    name: "a record is put behind the end",
    run(by) {
      const end = by.size;
      by.insertRecord(end, by.body(3));
      return ["unsigned-tail", end];
    },
  },
  {
    name: "the tail is cut",
    run(by) {
      by.run("DELETE FROM records WHERE idx >= 290");
      return ["truncated", 290];
    },
  },
  {
    name: "the tail is cut in the middle of a commit, and the heads behind it",
    run(by) {
      const at = 200;
      by.run("DELETE FROM records WHERE idx >= ?", at);
      by.run("DELETE FROM checkpoints WHERE size > ?", at);
      return ["unsigned-tail", by.headBefore(at)];
    },
  },
  {
    name: "the newest head is removed",
    run(by) {
      by.run("DELETE FROM checkpoints WHERE size = ?", by.size);
      return ["unsigned-tail", by.headBefore(by.size)];
    },
  },
  {
    name: "all heads are removed",
    run(by) {
      by.run("DELETE FROM checkpoints");
      return ["unsigned-tail", 0];
    },
  },
  {
    name: "a head's root is altered",
    run(by) {
      const [origin, size, , ...rest] = String(
        by.db.prepare("SELECT note FROM checkpoints WHERE size = 5").get()?.["note"],
      ).split("\n");
      const root = Buffer.alloc(32, 1).toString("base64");
      by.run("UPDATE checkpoints SET note = ? WHERE size = 5", [origin, size, root, ...rest].join("\n"));
      return ["checkpoint-invalid", 4];
    },
  },
  {
    name: "a head is moved to another size",
    run(by) {
      by.run("UPDATE checkpoints SET note = (SELECT note FROM checkpoints WHERE size = 4) WHERE size = 5");
      return ["checkpoint-invalid", 4];
    },
  },
  {
    name: "a head is signed with another key",
    run(by) {
      by.rebuild(5, nextTestKey.signer);
      return ["checkpoint-invalid", 4];
    },
  },
  {
    name: "a head is of another log",
    run(by) {
      by.rebuild(5, testKey.signer, "lockkeeper.test/other");
      return ["checkpoint-invalid", 4];
    },
  },
  {
    name: "all heads are of another log than the key that signed them",
    run(by) {
      by.rebuild(1, testKey.signer, "lockkeeper.test/other");
      return ["checkpoint-invalid", 0];
    },
  },
  {
    name: "a hash of the tree is altered",
    run(by) {
      by.run("UPDATE nodes SET hash = zeroblob(32) WHERE level = 1 AND idx = 0");
      return ["node-changed", 0];
    },
  },
  {
    name: "a hash of the tree is removed",
    run(by) {
      by.run("DELETE FROM nodes WHERE level = 1 AND idx = 0");
      return ["node-changed", 0];
    },
  },
  {
    name: "a hash of records that are not there yet is put in",
    run(by) {
      by.run("INSERT INTO nodes (level, idx, hash) VALUES (1, 1, zeroblob(32))");
      return ["node-changed", by.size];
    },
  },
  {
    name: "a body is dropped",
    run(by) {
      by.run("UPDATE records SET body = NULL WHERE idx = 8");
      return ["body-missing", 8];
    },
  },
  ...(["uid", "correlation", "code"] as const).map(
    (column): Attack => ({
      name: `${column} beside a body is altered`,
      run(by) {
        by.run(`UPDATE records SET ${column} = 'x' WHERE idx = 8`);
        return ["columns-changed", 8];
      },
    }),
  ),
  {
    name: "the time beside a body is altered",
    run(by) {
      by.run("UPDATE records SET time = time + 1 WHERE idx = 8");
      return ["columns-changed", 8];
    },
  },
];
