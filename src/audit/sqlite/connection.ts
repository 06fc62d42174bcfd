import { statSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { openDatabase, reopenDatabase } from "./database.ts";
import { Operations } from "./operations.ts";

export interface ConnectionOptions {
  /** Path of the database. */
  readonly file: string;
  /** An AWS account, or `sandbox`. */
  readonly owner: string;
}

/** The connection to the log's database, thrown away and made anew when a write has failed. */
export class Connection {
  readonly #options: ConnectionOptions;
  /** Device and inode of the file that holds the log. */
  readonly #identity: string;
  #open: { readonly db: DatabaseSync; readonly operations: Operations } | undefined;
  #unsynced = false;

  /** @throws LockkeeperError `audit-unavailable` */
  constructor(options: ConnectionOptions) {
    this.#options = options;
    const db = openDatabase(options.file, options.owner);
    this.#open = { db, operations: new Operations(db) };
    this.#identity = identityOf(options.file) ?? "";
  }

  /**
   * What the file says; after a sync has failed that may be more than a power cut would leave.
   * @throws Error when the database cannot be opened now
   */
  toRead(): DatabaseSync {
    return this.#current().db;
  }

  /**
   * A connection whose commits can be believed.
   * @throws Error when the file is not the one that was opened at first, or a sync that failed has not been made up for
   */
  toWrite(): { readonly db: DatabaseSync; readonly operations: Operations } {
    this.#assertInPlace();
    const open = this.#current();
    if (this.#unsynced) {
      syncAll(open.db);
      this.#unsynced = false;
    }
    return open;
  }

  /**
   * Closes what has failed; the next use opens the file anew.
   * @param unsynced true after a failed COMMIT: what is read back then may be in the page cache only
   */
  discard({ unsynced }: { readonly unsynced: boolean }): void {
    this.#unsynced ||= unsynced;
    try {
      this.#open?.db.close();
    } catch {
      // It is given up either way.
    }
    this.#open = undefined;
  }

  close(): void {
    this.#open?.db.close();
    this.#open = undefined;
  }

  #current(): { readonly db: DatabaseSync; readonly operations: Operations } {
    if (this.#open === undefined) {
      const { file, owner } = this.#options;
      this.#assertInPlace();
      const db = reopenDatabase(file, owner);
      this.#open = { db, operations: new Operations(db) };
    }
    return this.#open;
  }

  /** A connection goes on writing into a file that was deleted, and nobody would find what is in there. */
  #assertInPlace(): void {
    const { file } = this.#options;
    const found = identityOf(file);
    if (found === this.#identity) return;
    throw new Error(
      `${file} was ${found === undefined ? "removed" : "replaced"} under the running service. Stop it, put the log back, start it again`,
    );
  }
}

/** @returns undefined when there is no such file */
function identityOf(file: string): string | undefined {
  const stat = statSync(file, { bigint: true, throwIfNoEntry: false });
  return stat && `${stat.dev} ${stat.ino}`;
}

/**
 * Copies the whole write-ahead log into the database and syncs both. After a sync has failed the kernel may call pages
 * clean that never reached the disk, and reading them back shows them all the same: only a sync that succeeds after
 * they were written again says that they are there (https://wiki.postgresql.org/wiki/Fsync_Errors).
 */
function syncAll(db: DatabaseSync): void {
  const row = db.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get();
  if (row?.["busy"] !== 0) throw new Error("the log could not be synced after a sync had failed: it is in use");
}
