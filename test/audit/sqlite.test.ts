import { chmodSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, describe, expect, it } from "vitest";
import type { Journal } from "../../src/audit/journal.ts";
import { openSqliteStore } from "../../src/audit/sqlite/store.ts";
import { openJournal } from "../../src/audit/store-journal.ts";
import { aChange, aDenial, anIntent } from "../fixture/changes.ts";
import { dataFolder } from "../fixture/data-folder.ts";
import { journalSuite } from "./journal-suite.ts";

const options = { deadlineMs: 5000, maxQueue: 1000 };
const owner = "123456789012";

function recordsIn(database: string) {
  const db = new DatabaseSync(database, { readOnly: true });
  try {
    return db
      .prepare("SELECT idx, body, leaf_hash FROM records ORDER BY idx")
      .all()
      .map((row) => ({ index: Number(row["idx"]), body: String(row["body"]), leafHash: String(row["leaf_hash"]) }));
  } finally {
    db.close();
  }
}

journalSuite("SQLite", async () => {
  const folder = dataFolder();
  const journal = openJournal(await openSqliteStore(folder.database, { exclusive: true, owner }), options);
  return {
    journal,
    records: async () => recordsIn(folder.database),
    destroy: async () => {
      await journal.close();
      folder.remove();
    },
  };
});

describe("the SQLite store", () => {
  const folder = dataFolder();
  const open: Journal[] = [];
  const journalOn = async (exclusive: boolean, file = folder.database, whose = owner) => {
    const journal = openJournal(await openSqliteStore(file, { exclusive, owner: whose }), options);
    open.push(journal);
    return journal;
  };
  afterEach(async () => {
    await Promise.all(open.splice(0).map((journal) => journal.close()));
  });

  it("refuses a second gateway on the same folder, and takes the next one when the first has gone", async () => {
    const first = await journalOn(true);
    await expect(journalOn(true)).rejects.toMatchObject({
      code: "audit-unavailable",
      message: expect.stringContaining("Another Lockkeeper already works on"),
    });
    await first.close();
    await journalOn(true);
  });

  it("lets a command read and write beside a running gateway, in one order of records", async () => {
    const gateway = await journalOn(true);
    const command = await journalOn(false);
    const before = recordsIn(folder.database).length;
    await gateway.deny(aDenial(aChange()));
    await command.note(aDenial(aChange()).record);
    const receipt = await gateway.deny(aDenial(aChange()));
    expect(receipt.index).toBe(before + 2);
  });

  it("finds everything again after it was closed", async () => {
    const change = aChange();
    const first = await journalOn(true);
    await first.begin(anIntent(change, 1000));
    await first.close();
    const second = await journalOn(true);
    expect(await second.overdue(10_000)).toMatchObject([{ id: change.id }]);
  });

  it("keeps its file to itself", async () => {
    await journalOn(true);
    expect(statSync(folder.database).mode & 0o777).toBe(0o600);
  });

  it("syncs every commit: WAL with synchronous=FULL", async () => {
    const { openDatabase } = await import("../../src/audit/sqlite/database.ts");
    const db = openDatabase(folder.database, owner);
    expect(Object.values(db.prepare("PRAGMA synchronous").get() ?? {})).toEqual([2]);
    expect(Object.values(db.prepare("PRAGMA journal_mode").get() ?? {})).toEqual(["wal"]);
    db.close();
  });

  it("says which file cannot be used, and why", async () => {
    const other = dataFolder();
    const file = join(other.path, "lockkeeper.db");
    new DatabaseSync(file).close();
    const { writeFileSync } = await import("node:fs");
    writeFileSync(file, "this is no database at all, but long enough to be looked at as one ".repeat(20));
    chmodSync(file, 0o600);
    await expect(journalOn(true, file)).rejects.toMatchObject({
      code: "audit-unavailable",
      message: expect.stringContaining(`${file} cannot be used: file is not a database`),
    });
    other.remove();
  });

  it("does not touch a database that a newer Lockkeeper wrote", async () => {
    const other = dataFolder();
    const db = new DatabaseSync(other.database);
    db.exec("CREATE TABLE migrations (version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL) STRICT");
    db.exec("INSERT INTO migrations VALUES (999, 'later')");
    db.close();
    await expect(journalOn(true, other.database)).rejects.toThrow(/schema version 999/);
    other.remove();
  });
});
