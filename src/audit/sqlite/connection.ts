import type { DatabaseSync } from "node:sqlite";
import { type Head, LogFault, whatToDo } from "../head.ts";
import type { KeyHistory } from "../key-change.ts";
import type { LogIdentity } from "../log-keys.ts";
import { type OpenDatabase, openDatabase, reopenDatabase } from "./database.ts";
import { sizeOf } from "./foreign.ts";
import { keyHistory } from "./key-history.ts";
import { LogFiles } from "./log-files.ts";
import type { DatabaseOptions } from "./migrations.ts";
import { atOneMoment } from "./prepared.ts";
import { Queries } from "./queries.ts";
import { codeOf, messageOf, SQLITE_CORRUPT, SQLITE_NOTADB } from "./sqlite-error.ts";
import { Writer } from "./writer.ts";

export interface ConnectionOptions extends DatabaseOptions {
  /** Path of the database. */
  readonly file: string;
}

interface Open extends OpenDatabase {
  readonly writer: Writer;
  readonly queries: Queries;
}

/** The connection to the log's database, thrown away and made anew when a write has failed. */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #files: LogFiles;
  #open: Open | undefined;
  /** The newest head that was durable when the last connection was closed. */
  #remembered: Head | undefined;
  /** The database file as it was when it was last looked into. */
  #verified = "";
  #unsynced = false;
  #fault: LogFault | undefined;

  /** @throws Error when the database cannot be used, and LogFault when the log does not end as it was written */
  constructor(options: ConnectionOptions) {
    const { file } = options;
    this.#options = options;
    this.#open = opened(openDatabase(file, options));
    this.#files = new LogFiles(file);
    this.#files.opened();
  }

  /**
   * What the file says; after a sync has failed that may be more than a power cut would leave.
   * @throws Error when the database cannot be opened now
   */
  toRead(): Queries {
    return this.#current().queries;
  }

  /**
   * A connection whose commits can be believed.
   * @throws LogFault when the log is not the one that was written here; Error when a file of it is not the one that was
   *   opened, or a sync that failed has not been made up for
   */
  toWrite(): Writer {
    this.#assertUsable();
    const { db, writer } = this.#current();
    if (this.#unsynced) {
      syncAll(db);
      this.#unsynced = false;
    }
    return writer;
  }

  /** Who the log is, and the keys that have signed it. */
  keys(): { readonly identity: LogIdentity; readonly history: KeyHistory } {
    const { db, identity } = this.#current();
    return { identity, history: atOneMoment(db, () => keyHistory(db)) };
  }

  /**
   * Looks whether the log is where it was and what it was; once the database has been written, also at what is in it.
   * @throws Error as `toWrite`
   */
  check(): void {
    this.#assertUsable();
    const { writer } = this.#current();
    try {
      writer.look();
      const version = this.#files.version();
      if (version !== this.#verified) writer.verify();
      this.#verified = version;
    } catch (error) {
      throw this.poisonedBy(error);
    }
  }

  /** @returns the error, after which nothing more is written when it says that the log is another than it was */
  poisonedBy(error: unknown): unknown {
    if (error instanceof LogFault) this.#fault ??= error;
    else if (isCorrupt(error)) this.#fault ??= new LogFault(`SQLite cannot read it: ${messageOf(error)}`);
    return this.#fault ?? error;
  }

  /**
   * Closes what has failed; the next use opens the file anew.
   * @param unsynced true after a failed COMMIT: what is read back then may be in the page cache only
   */
  discard({ unsynced }: { readonly unsynced: boolean }): void {
    this.#unsynced ||= unsynced;
    this.#remembered = this.#open?.writer.head ?? this.#remembered;
    try {
      this.#open?.db.close();
    } catch {
      // It is given up either way.
    }
    this.#open = undefined;
    this.#files.closed();
  }

  close(): void {
    this.#open?.db.close();
    this.#open = undefined;
  }

  #assertUsable(): void {
    if (this.#fault !== undefined) throw this.#fault;
    const missing = this.#files.missing();
    if (missing === undefined) return;
    const { file, how } = missing;
    const isDatabase = file === this.#options.file;
    if (isDatabase && how === "replaced") this.#assertNotOlder(file);
    // A file that was deleted lives for as long as somebody has it open (unlink(2)): stopping ends it.
    const save = isDatabase && how === "removed" ? `Without a copy of it, save it from /proc/${process.pid}/fd. ` : "";
    throw new Error(`${file} was ${how} under the running service. ${save}Stop it, put the log back, start it again`);
  }

  /** Somebody has put another database in the place of the log's: perhaps an older copy of it. */
  #assertNotOlder(file: string): void {
    const remembered = this.#open?.writer.head ?? this.#remembered;
    const size = sizeOf(file);
    if (remembered === undefined || size === undefined || size >= remembered.size) return;
    this.#fault = new LogFault(
      `it was rolled back: ${file} was replaced under the running service by an older copy of ${size} records, and the log had ${remembered.size}. ${whatToDo}`,
    );
    throw this.#fault;
  }

  #current(): Open {
    if (this.#open === undefined) {
      this.#assertUsable();
      try {
        this.#open = opened(reopenDatabase(this.#options.file, this.#options), this.#remembered);
      } catch (error) {
        throw this.poisonedBy(error);
      }
      this.#files.opened();
    }
    return this.#open;
  }
}

/** @throws LogFault when the log does not end as it was written; it is closed then */
function opened({ db, identity }: OpenDatabase, remembered?: Head): Open {
  try {
    const writer = new Writer(db, identity, remembered);
    return { db, identity, writer, queries: new Queries(db, writer.log, identity) };
  } catch (error) {
    db.close();
    throw error;
  }
}

function isCorrupt(error: unknown): boolean {
  const code = codeOf(error);
  return code === SQLITE_CORRUPT || code === SQLITE_NOTADB;
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
