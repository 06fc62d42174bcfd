import {
  copyFileSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { backup } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Journal } from "../../src/audit/journal.ts";
import { commit } from "../../src/audit/sqlite/commit.ts";
import { Connection } from "../../src/audit/sqlite/connection.ts";
import { openSqliteReader } from "../../src/audit/sqlite/reader.ts";
import { aChange, aDenial } from "../fixture/changes.ts";
import { dataFolder } from "../fixture/data-folder.ts";
import { openToChange, openToRead } from "../fixture/database.ts";
import { testLogKeys } from "../fixture/log-keys.ts";
import { openOn, owner, recordsIn } from "./sqlite-fixture.ts";

const deny = (journal: Journal) => journal.deny(aDenial(aChange()));

/** As the journal has it, without anybody writing. */
const becomesUnhealthy = (journal: Journal) =>
  vi.waitFor(() => expect(journal.healthy()).toBe(false), { timeout: 20_000, interval: 10 });

/** Where a link leads; undefined when it has gone meanwhile. */
function linkIn(link: string): string | undefined {
  try {
    return readlinkSync(link);
  } catch {
    return undefined;
  }
}

describe("a SQLite log whose files are touched while it runs", () => {
  let folder: ReturnType<typeof dataFolder>;
  let file: string;
  let journal: Journal;
  beforeEach(async () => {
    folder = dataFolder();
    file = folder.database;
    journal = await openOn(file, { probeMs: 20 });
    for (let n = 0; n < 5; n += 1) await deny(journal);
  });
  afterEach(async () => {
    await journal.close();
    folder.remove();
  });

  /** What is in the write-ahead log goes into the database, as it does by itself every thousand pages. */
  const checkpoint = () => {
    // The journal's looks at the file read in it too.
    const db = openToChange(file);
    expect(db.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get()).toMatchObject({ busy: 0 });
    db.close();
  };
  const copyOf = async () => {
    const copy = `${file}.copy`;
    const db = openToRead(file);
    await backup(db, copy);
    db.close();
    return copy;
  };

  it("is noticed when the database is removed; none is made anew, and it goes on when it is put back", async () => {
    renameSync(file, `${file}.aside`);
    await becomesUnhealthy(journal);
    await expect(deny(journal)).rejects.toThrow(/lockkeeper\.db was removed under the running service/);
    expect(statSync(file, { throwIfNoEntry: false })).toBeUndefined();
    renameSync(`${file}.aside`, file);
    await vi.waitFor(() => expect(journal.healthy()).toBe(true), { timeout: 20_000, interval: 10 });
    expect((await deny(journal)).index).toBe(5);
  });

  it("can be saved, once its database was deleted, from where the service says, with nothing lost", async () => {
    checkpoint();
    await deny(journal);
    const database = realpathSync(file);
    rmSync(file);
    await becomesUnhealthy(journal);
    const why = await deny(journal).catch(String);
    const descriptors = /save it from (\/proc\/\d+\/fd)\./.exec(String(why))?.[1] ?? "";
    const links = readdirSync(descriptors).map((name) => join(descriptors, name));
    const open = links.filter((link) => linkIn(link) === `${database} (deleted)`);
    copyFileSync(open[0] ?? "", `${file}.saved`);
    await journal.close();
    renameSync(`${file}.saved`, file);
    journal = await openOn(file);
    expect((await deny(journal)).index).toBe(6);
  });

  it.each(["-wal", "-shm"])(
    "is noticed when its %s file is removed, and nothing that was recorded is lost",
    async (end) => {
      rmSync(file + end);
      await becomesUnhealthy(journal);
      await expect(deny(journal)).rejects.toThrow(`lockkeeper.db${end} was removed under the running service`);
      await journal.close();
      expect(recordsIn(file)).toHaveLength(5);
      journal = await openOn(file);
      expect((await deny(journal)).index).toBe(5);
    },
  );

  it("is noticed when a copy is put in its place, which nothing is written into", async () => {
    checkpoint();
    copyFileSync(file, `${file}.copy`);
    renameSync(`${file}.copy`, file);
    await becomesUnhealthy(journal);
    await expect(deny(journal)).rejects.toThrow(/lockkeeper\.db was replaced under the running service/);
    expect(recordsIn(file)).toHaveLength(5);
  });

  it("is recognised as rolled back when an older copy is put in its place", async () => {
    const copy = await copyOf();
    await deny(journal);
    renameSync(copy, file);
    await becomesUnhealthy(journal);
    await expect(deny(journal)).rejects.toThrow(
      /rolled back: .*lockkeeper\.db was replaced .* by an older copy of 5 records, and the log had 6.*lockkeeper audit recover/,
    );
  });

  it("is recognised as rolled back when an older copy is written over it", async () => {
    const copy = await copyOf();
    await deny(journal);
    checkpoint();
    writeFileSync(file, readFileSync(copy));
    await becomesUnhealthy(journal);
    await expect(deny(journal)).rejects.toThrow(/rolled back: its newest head has 5 records, and it had 6/);
  });

  it("is noticed when an older copy is written over it beneath what is not in the database yet", async () => {
    const copy = await copyOf();
    for (let n = 0; n < 40; n += 1) await deny(journal);
    checkpoint();
    await deny(journal);
    writeFileSync(file, readFileSync(copy));
    await becomesUnhealthy(journal);
    await expect(deny(journal)).rejects.toThrow(/takes no records any more/);
  });

  it("keeps its write-ahead log when the database is emptied, and is not begun anew", async () => {
    checkpoint();
    await deny(journal);
    const [bytes, newest] = [readFileSync(file), statSync(`${file}-wal`).size];
    writeFileSync(file, "");
    await becomesUnhealthy(journal);
    await expect(deny(journal)).rejects.toThrow();
    for (const open of [() => openOn(file, { exclusive: false }), async () => openSqliteReader(file)]) {
      await expect(open()).rejects.toThrow(
        /lockkeeper\.db is missing or empty, though its write-ahead log .* is there/,
      );
    }
    expect(statSync(`${file}-wal`).size).toBe(newest);
    writeFileSync(file, bytes);
    await journal.close();
    journal = await openOn(file);
    expect((await deny(journal)).index).toBe(6);
  });

  it("cannot be read from a copy of its database alone, which is told what is missing", async () => {
    const [alone, whole] = [`${file}.alone`, await copyOf()];
    copyFileSync(file, alone);
    expect(() => openSqliteReader(alone)).toThrow(/lockkeeper\.db alone is not the log, its write-ahead log \(-wal\)/);
    expect(() => openSqliteReader(`${file}.nowhere`)).toThrow(/lockkeeper\.db\.nowhere: there is no such file\.$/);
    const reader = openSqliteReader(whole);
    expect(await reader.size()).toBe(5);
    await reader.close();
  });

  it("is recognised as rolled back when SQLite itself restores an older copy into it", async () => {
    const copy = await copyOf();
    await deny(journal);
    const older = openToRead(copy);
    await backup(older, file);
    older.close();
    await becomesUnhealthy(journal);
    await expect(deny(journal)).rejects.toThrow(/rolled back: its newest head has 5 records, and it had 6/);
  });

  it("is not taken for another one by a checkpoint, or by a command beside it", async () => {
    const connection = new Connection({ file, owner, keys: testLogKeys });
    for (let round = 0; round < 3; round += 1) {
      checkpoint();
      connection.check();
      await deny(journal);
      connection.check();
      expect(commit(connection, [{ kind: "deny", ...aDenial(aChange()) }])).toMatchObject([{ ok: true }]);
      checkpoint();
      connection.check();
    }
    connection.close();
    expect(recordsIn(file)).toHaveLength(11);
  });
});
