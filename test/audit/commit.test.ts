import { existsSync, rmSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ProvenReceipt } from "../../src/audit/journal.ts";
import type { Operation } from "../../src/audit/operation.ts";
import { commit } from "../../src/audit/sqlite/commit.ts";
import { Connection } from "../../src/audit/sqlite/connection.ts";
import { reopenDatabase } from "../../src/audit/sqlite/database.ts";
import { aChange, aDenial } from "../fixture/changes.ts";
import { dataFolder } from "../fixture/data-folder.ts";
import { testLogKeys } from "../fixture/log-keys.ts";
import { provenBody } from "./journal-suite-receipts.ts";
import { cut } from "./sqlite-fixture.ts";

const database = { owner: "sandbox", keys: testLogKeys };
const denial = (): Operation => ({ kind: "deny", ...aDenial(aChange()) });
const orphan = (): Operation => ({
  kind: "finish",
  id: "nobody",
  conclusion: { record: aDenial(aChange()).record, step: "outcome", release: true, at: 0 },
});

describe("a commit to SQLite", () => {
  let folder: ReturnType<typeof dataFolder>;
  let connection: Connection;
  let other: DatabaseSync;
  beforeEach(() => {
    folder = dataFolder();
    connection = new Connection({ file: folder.database, ...database });
    other = new DatabaseSync(folder.database, { timeout: 0 });
  });
  afterEach(() => {
    other.close();
    connection.close();
    folder.remove();
  });

  it("that finds the write lock taken writes nothing, looks for nothing, and keeps its connection", () => {
    const before = connection.toRead();
    const known = denial();
    commit(connection, [known]);
    other.exec("BEGIN IMMEDIATE");
    // The first one is in the log already, by which a look would have been seen.
    expect(commit(connection, [known, denial()])).toMatchObject([
      { ok: false, failure: "not-written", message: "database is locked" },
      { ok: false, failure: "not-written" },
    ]);
    expect(connection.toRead()).toBe(before);
    other.exec("ROLLBACK");
    expect(commit(connection, [denial()])).toMatchObject([{ ok: true, result: { index: 1 } }]);
  });

  it("keeps the neighbours of an operation that breaks a rule", () => {
    expect(commit(connection, [denial(), orphan(), denial()])).toMatchObject([
      { ok: true, result: { index: 0 } },
      { ok: false, failure: "refused", message: "there is no change nobody to finish" },
      { ok: true, result: { index: 1 } },
    ]);
  });

  it("keeps the neighbours of an operation that breaks a rule of the tables, and the tree whole", () => {
    const key = { id: "k", secretHash: "h", principal: "bot", principalJson: "{}", createdAt: 0, expiresAt: 1 };
    const add = (): Operation => ({
      kind: "add-api-key",
      key: { ...key, revokedAt: null },
      record: aDenial(aChange()).record,
      now: 2,
    });
    const [first, added, again, last] = commit(connection, [denial(), add(), add(), denial()]);
    expect([first, added, again, last]).toMatchObject([
      { ok: true, result: { index: 0 } },
      { ok: true, result: "added" },
      { ok: false, failure: "refused", message: expect.stringContaining("UNIQUE constraint failed: api_keys.id") },
      { ok: true, result: { index: 2 } },
    ]);
    for (const outcome of [first, last]) {
      if (outcome?.ok === true) provenBody(outcome.result as ProvenReceipt);
    }
  });

  it("after a write error goes on in the tree that is found, and in no other", () => {
    commit(connection, [denial(), denial()]);
    connection.discard({ unsynced: false });
    const beside = new Connection({ file: folder.database, ...database });
    commit(beside, [denial()]);
    beside.close();
    expect(commit(connection, [denial()])).toMatchObject([{ ok: true, result: { index: 3 } }]);

    connection.discard({ unsynced: false });
    other.exec("UPDATE records SET body = '{}' WHERE idx = 2");
    const poisoned = [
      { ok: false, failure: "poisoned", message: expect.stringContaining("its record 2 is not the one") },
    ];
    expect(commit(connection, [denial()])).toMatchObject(poisoned);
    // Putting it back is not enough: somebody has been at the log.
    expect(commit(connection, [denial()])).toMatchObject(poisoned);
    expect(() => commit(connection, [])).toThrow(/its record 2 is not the one/);
  });

  it("after a write error still knows how far the log had come", () => {
    commit(connection, [denial()]);
    commit(connection, [denial()]);
    connection.discard({ unsynced: false });
    cut(folder.database, 1);
    expect(commit(connection, [denial()])).toMatchObject([
      { ok: false, failure: "poisoned", message: expect.stringMatching(/has 1 records, and it had 2 before/) },
    ]);
  });

  it("that failed makes no new database where the old one has gone", () => {
    connection.discard({ unsynced: false });
    rmSync(folder.database);
    expect(commit(connection, [denial()])).toMatchObject([{ ok: false, failure: "not-written" }]);
    expect(() => connection.toRead()).toThrow(/was removed under the running service/);
    expect(() => reopenDatabase(folder.database, database)).toThrow("unable to open database file");
    expect(existsSync(folder.database)).toBe(false);
  });

  it("throws for an empty batch that the disk does not take", () => {
    expect(commit(connection, [])).toEqual([]);
    other.exec("BEGIN IMMEDIATE");
    expect(() => commit(connection, [])).toThrow("database is locked");
  });

  it("after a failed sync believes nothing until a checkpoint has gone through", () => {
    commit(connection, [denial()]);
    // As long as somebody reads, the checkpoint cannot copy the whole log.
    other.exec("BEGIN");
    other.prepare("SELECT count(*) FROM records").get();
    commit(connection, [denial()]);
    connection.discard({ unsynced: true });
    expect(commit(connection, [denial()])).toMatchObject([
      { ok: false, failure: "not-written", message: expect.stringContaining("could not be synced") },
    ]);
    other.exec("COMMIT");
    expect(commit(connection, [denial()])).toMatchObject([{ ok: true, result: { index: 2 } }]);
  });
});
