import type { Journal } from "../../src/audit/journal.ts";
import { openSqliteStore, type SqliteStoreOptions } from "../../src/audit/sqlite/store.ts";
import { openJournal } from "../../src/audit/store-journal.ts";
import { dataFolder } from "../fixture/data-folder.ts";
import { openToChange, openToRead } from "../fixture/database.ts";
import { testLogKeys } from "../fixture/log-keys.ts";
import type { JournalFixture } from "./journal-suite.ts";

export const owner = "123456789012";

/** Opens a journal on a database file: a gateway's, of `owner`, with the test keys, where nothing else is said. */
export async function openOn(
  file: string,
  { probeMs = 600_000, ...options }: Partial<SqliteStoreOptions> & { readonly probeMs?: number } = {},
): Promise<Journal> {
  const store = await openSqliteStore(file, { exclusive: true, owner, keys: testLogKeys, ...options });
  return openJournal(store, { deadlineMs: 20_000, maxQueue: 10_000, probeMs });
}

/** A log in a data folder of its own. */
export async function sqliteFixture(): Promise<JournalFixture> {
  const folder = dataFolder();
  const fresh = dataFolder();
  const { database: file } = folder;
  const open: Journal[] = [];
  const opened = async (...args: Parameters<typeof openOn>) => {
    const journal = await openOn(...args);
    open.push(journal);
    return journal;
  };
  const closeAll = () => Promise.all(open.splice(0).map((journal) => journal.close()));
  return {
    journal: await opened(file),
    another: (options) => opened(file, { exclusive: false, ...options }),
    async reopen(options) {
      await closeAll();
      return opened(file, options);
    },
    race: () => Promise.all([opened(fresh.database), opened(fresh.database, { exclusive: false })]),
    records: async () => recordsIn(file),
    checkpoints: async () =>
      rowsOf(file, "SELECT size, note FROM checkpoints ORDER BY size").map((row) => ({
        size: Number(row["size"]),
        note: String(row["note"]),
      })),
    nodes: async () =>
      rowsOf(file, "SELECT level, idx, lower(hex(hash)) AS hash FROM nodes ORDER BY level, idx").map((row) => ({
        level: Number(row["level"]),
        index: Number(row["idx"]),
        hash: String(row["hash"]),
      })),
    keys: async () => rowsOf(file, "SELECT vkey FROM keys ORDER BY first_size").map((row) => String(row["vkey"])),
    tamper: {
      cut: async (size) => cut(file, size),
      body: async (index, body) => change(file, "UPDATE records SET body = ? WHERE idx = ?", body, index),
      leaf: async (index, hash) =>
        change(file, "UPDATE records SET leaf_hash = ? WHERE idx = ?", Buffer.from(hash, "hex"), index),
      dropNode: async (level, index) => change(file, "DELETE FROM nodes WHERE level = ? AND idx = ?", level, index),
    },
    async destroy() {
      await closeAll();
      folder.remove();
      fresh.remove();
    },
  };
}

/** Every record of a log in order, read without the store. */
export function recordsIn(file: string) {
  return rowsOf(file, "SELECT idx, body, lower(hex(leaf_hash)) AS hash FROM records ORDER BY idx").map((row) => ({
    index: Number(row["idx"]),
    body: row["body"] === null ? null : String(row["body"]),
    leafHash: String(row["hash"]),
  }));
}

/** Takes a log back to an older size. */
export function cut(file: string, size: number): void {
  const db = openToChange(file);
  try {
    db.exec(`
      BEGIN;
      DELETE FROM records WHERE idx >= ${size};
      DELETE FROM nodes WHERE (idx + 1) * (1 << (8 * level)) > ${size};
      DELETE FROM checkpoints WHERE size > ${size};
      DELETE FROM keys WHERE first_size > ${size};
      DELETE FROM changes WHERE first_idx >= ${size};
      DELETE FROM inflight WHERE change_id NOT IN (SELECT id FROM changes);
      COMMIT;
    `);
  } finally {
    db.close();
  }
}

function change(file: string, sql: string, ...values: (string | number | null | Uint8Array)[]): void {
  const db = openToChange(file);
  try {
    db.prepare(sql).run(...values);
  } finally {
    db.close();
  }
}

function rowsOf(file: string, sql: string) {
  const db = openToRead(file);
  try {
    return db.prepare(sql).all();
  } finally {
    db.close();
  }
}
