import { once } from "node:events";
import { linkSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { readOldLog } from "../../src/audit/recover/old-log.ts";
import type { Sql } from "../../src/audit/sql.ts";
import { openSqliteReader } from "../../src/audit/sqlite/reader.ts";
import { openSqliteRecovery } from "../../src/audit/sqlite/recover.ts";
import { version1 } from "../../src/audit/sqlite/schema.ts";
import { sqliteSql } from "../../src/audit/sqlite/sql.ts";
import { openSqliteStore } from "../../src/audit/sqlite/store.ts";
import { openJournal } from "../../src/audit/store-journal.ts";
import { leafHash } from "../../src/tlog/hash.ts";
import { aChange, aDenial, anIntent } from "../fixture/changes.ts";
import { dataFolder } from "../fixture/data-folder.ts";
import { openToChange, openToRead } from "../fixture/database.ts";
import { testLogKeys } from "../fixture/log-keys.ts";
import { now, owner, type RecoverFixture, recordsOf, recover, recoverSuite } from "./recover-suite.ts";

const place = { owner, origin: testLogKeys.origin, sleep: async () => {} };

interface SqliteFixture extends RecoverFixture {
  readonly folder: ReturnType<typeof dataFolder>;
}

function sqliteFixture(): SqliteFixture {
  const folder = dataFolder();
  return {
    folder,
    async open(keys = testLogKeys) {
      const store = await openSqliteStore(folder.database, { exclusive: true, owner, keys });
      return openJournal(store, { deadlineMs: 10_000, maxQueue: 10_000 });
    },
    recovery: async () => openSqliteRecovery({ ...place, file: folder.database }),
    async look(see, sealed) {
      const file = sealed === undefined ? folder.database : folder.database.replace(".db", `.sealed-${sealed}.db`);
      const db = openToRead(file);
      try {
        return await see(sqliteSql(db));
      } finally {
        db.close();
      }
    },
    reader: async (sealed) =>
      openSqliteReader(sealed === undefined ? folder.database : folder.database.replace(".db", `.sealed-${sealed}.db`)),
    async tamper(sql) {
      const db = openToChange(folder.database);
      db.exec(sql);
      db.close();
    },
    bytes: (hex) => `x'${hex}'`,
    async makeEmpty() {
      const db = openToChange(folder.database);
      db.exec("DELETE FROM keys; INSERT INTO keys (first_size, vkey) VALUES (1, 'anything')");
      db.close();
    },
    destroy: async () => folder.remove(),
  };
}

recoverSuite("SQLite", async () => sqliteFixture());

describe("recovering a data folder", () => {
  const filled = async () => {
    const fixture = sqliteFixture();
    const journal = await fixture.open();
    await journal.deny(aDenial(aChange()));
    await journal.close();
    return fixture;
  };

  it("leaves two files: the log in place, and the sealed one, which nobody writes to any more", async () => {
    const fixture = await filled();
    await recover(fixture);
    expect(readdirSync(fixture.folder.path).sort()).toEqual([
      "gateway.lock",
      "lockkeeper.db",
      "lockkeeper.sealed-1.db",
    ]);
    expect(statSync(join(fixture.folder.path, "lockkeeper.sealed-1.db")).mode & 0o777).toBe(0o400);
    expect(statSync(fixture.folder.database).mode & 0o777).toBe(0o600);
    await fixture.destroy();
  });

  it("has a log under its name at every moment: a gateway that found none would begin an empty one", async () => {
    const fixture = await filled();
    const seen = new Int32Array(new SharedArrayBuffer(12));
    const watching = `
      const { statSync } = require("node:fs");
      const { file, seen } = require("node:worker_threads").workerData;
      while (Atomics.load(seen, 0) === 0) {
        Atomics.add(seen, statSync(file, { throwIfNoEntry: false }) === undefined ? 2 : 1, 1);
      }`;
    const watcher = new Worker(watching, { eval: true, workerData: { file: fixture.folder.database, seen } });
    while (Atomics.load(seen, 1) === 0) await new Promise((resolve) => setImmediate(resolve));
    for (let count = 0; count < 3; count += 1) await recover(fixture);
    Atomics.store(seen, 0, 1);
    await once(watcher, "exit");
    const [, there = 0, missing] = seen;
    expect(there).toBeGreaterThan(100);
    expect(missing).toBe(0);
    await fixture.destroy();
  });

  it("is refused while a gateway works in it, and while any other process has the log open", async () => {
    const fixture = await filled();
    const gateway = await fixture.open();
    await expect(recover(fixture)).rejects.toMatchObject({
      code: "audit-unavailable",
      message: expect.stringContaining("Another Lockkeeper already works on"),
    });
    await gateway.close();
    const command = await openSqliteStore(fixture.folder.database, { exclusive: false, owner, keys: testLogKeys });
    await expect(recover(fixture)).rejects.toMatchObject({ code: "audit-unavailable" });
    await command.close();
    expect((await recover(fixture)).sealed.size).toBe(1);
    await fixture.destroy();
  });

  it("keeps a gateway from starting meanwhile, and whoever would read the log", async () => {
    const fixture = await filled();
    const store = await fixture.recovery();
    await expect(fixture.open()).rejects.toThrow(/Another Lockkeeper already works on/);
    await expect(fixture.reader()).rejects.toMatchObject({
      code: "audit-unreadable",
      message: expect.stringContaining("another process has it locked, as a recovery does. Try again"),
    });
    await store.close();
    await (await fixture.open()).close();
    await fixture.destroy();
  });

  it("is refused when there is no log, or another account's", async () => {
    const empty = sqliteFixture();
    await expect(recover(empty)).rejects.toThrow(/it is not there/);
    await empty.destroy();
    const fixture = await filled();
    const open = () => openSqliteRecovery({ ...place, file: fixture.folder.database, owner: "other" });
    expect(open).toThrow(/it belongs to 123456789012, and this Lockkeeper works for other/);
    await (await fixture.open()).close();
    await fixture.destroy();
  });

  it("begins anew when it was killed while the new log was made", async () => {
    const fixture = await filled();
    const beside = join(fixture.folder.path, "lockkeeper.recovering.db");
    for (const end of ["", "-wal", "-shm", "-journal"]) writeFileSync(beside + end, "half of something");
    expect((await recover(fixture)).origin).toBe("lockkeeper.test/log/recovered-1");
    expect(await recordsOf(fixture)).toHaveLength(1);
    expect(readdirSync(fixture.folder.path)).toHaveLength(3);
    await fixture.destroy();
  });

  it("begins anew when it was killed between the two names, and the gateway has gone on in the old log since", async () => {
    const fixture = await filled();
    linkSync(fixture.folder.database, join(fixture.folder.path, "lockkeeper.sealed-1.db"));
    const gateway = await fixture.open();
    await gateway.deny(aDenial(aChange()));
    await gateway.close();
    const done = await recover(fixture);
    expect(done).toMatchObject({ origin: "lockkeeper.test/log/recovered-1", sealed: { size: 2 } });
    expect(await recordsOf(fixture, 1)).toHaveLength(2);
    expect(await recordsOf(fixture)).toHaveLength(1);
    await fixture.destroy();
  });

  it("recovers a log of Lockkeeper 0.1 that was changed since, and so cannot be brought up to date", async () => {
    const fixture = sqliteFixture();
    const change = aChange();
    const { record, change: row } = anIntent(change, now);
    const db = openToChange(fixture.folder.database);
    db.exec("CREATE TABLE migrations (version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL) STRICT");
    db.exec(version1);
    db.exec(`INSERT INTO migrations VALUES (1, 'then'); INSERT INTO settings VALUES ('owner', '${owner}')`);
    const addRecord = db.prepare("INSERT INTO records (idx, uid, correlation, body, leaf_hash) VALUES (?, ?, ?, ?, ?)");
    addRecord.run(0, record.uid, change.id, record.body, leafHash(record.body).toString("hex"));
    addRecord.run(1, "changed", "since", "was it ever so", "00".repeat(32));
    db.prepare(
      `INSERT INTO changes (id, principal, account, type, credential_id, user_key, user_name, status, requested_at, deadline,
        first_idx) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)`,
    ).run(
      row.id,
      row.principal,
      row.account,
      row.type,
      row.credentialId,
      "bob",
      row.userName,
      row.status,
      1,
      row.deadline,
    );
    db.prepare("INSERT INTO inflight VALUES (?, ?, 'bob', ?, ?, ?)").run(
      row.account,
      row.type,
      row.credentialId,
      row.id,
      row.deadline,
    );
    db.close();
    await expect(fixture.open()).rejects.toThrow(/record 1 is not the one/);
    const done = await recover(fixture);
    expect(done).toMatchObject({
      sealed: { size: 2, checkpoint: null },
      carried: { changes: 1, records: 1, unproven: 1, damaged: [0] },
    });
    const journal = await fixture.open();
    expect(await journal.overdue(now + 60_000)).toMatchObject([{ id: change.id }]);
    await journal.close();
    await fixture.destroy();
  });

  it("looks for the records of a change by an index, however large the old log is", async () => {
    const fixture = sqliteFixture();
    const journal = await fixture.open();
    const change = aChange();
    await journal.begin(anIntent(change, now));
    await journal.close();
    const db = openToRead(fixture.folder.database);
    const plans: string[] = [];
    const sql: Sql = {
      async all(text, ...values) {
        const plan = await sqliteSql(db).all(`EXPLAIN QUERY PLAN ${text}`, ...values);
        plans.push(...plan.map((row) => String(row["detail"])).filter((step) => step.includes(" records")));
        return sqliteSql(db).all(text, ...values);
      },
    };
    expect(await readOldLog(sql, now)).toMatchObject({ changes: [{ change: { id: change.id } }], records: [0] });
    expect(plans).toEqual([
      "SEARCH records",
      "SEARCH records USING INDEX records_by_code (code=?)",
      "SEARCH records USING INTEGER PRIMARY KEY (rowid=?)",
    ]);
    db.close();
    await fixture.destroy();
  });

  it("never overwrites a sealed log", async () => {
    const fixture = await filled();
    writeFileSync(join(fixture.folder.path, "lockkeeper.sealed-4.db"), "an older one");
    expect((await recover(fixture)).origin).toBe("lockkeeper.test/log/recovered-5");
    expect((await recover(fixture)).origin).toBe("lockkeeper.test/log/recovered-6");
    await fixture.destroy();
  });
});
