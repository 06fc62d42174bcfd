import { statSync } from "node:fs";

/**
 * The files that make up the log's database, to be recognised again: a connection goes on writing into a file that was
 * deleted, and nobody would find what is in there (https://www.sqlite.org/howtocorrupt.html, 4.).
 */
export class LogFiles {
  readonly #file: string;
  readonly #identity: string;
  /** Of the files beside it, as long as a connection has them open. */
  #companions: ReadonlyMap<string, string> = new Map();
  #walSize = 0;
  #walCuts = 0;

  /** @param file path of the database, which is open */
  constructor(file: string) {
    this.#file = file;
    this.#identity = identityOf(file) ?? "";
  }

  /** A connection was opened: it keeps these files until it is closed. */
  opened(): void {
    const present = ["-wal", "-shm"].map((end) => [this.#file + end, identityOf(this.#file + end)] as const);
    this.#companions = new Map(present.flatMap(([file, id]) => (id === undefined ? [] : [[file, id]])));
  }

  /** The connection was closed. */
  closed(): void {
    this.#companions = new Map();
  }

  /** The first of them that is not the one that was opened. */
  missing(): { readonly file: string; readonly how: "removed" | "replaced" } | undefined {
    for (const [file, identity] of [[this.#file, this.#identity] as const, ...this.#companions]) {
      const found = identityOf(file);
      if (found !== identity) return { file, how: found === undefined ? "removed" : "replaced" };
    }
    return undefined;
  }

  /**
   * Is another one when the database itself was written, by a checkpoint or by something else, and when its write-ahead
   * log has become shorter, which nobody does to it while it is in use.
   */
  version(): string {
    const stat = statSync(this.#file, { bigint: true, throwIfNoEntry: false });
    const walSize = sizeOf(`${this.#file}-wal`);
    if (walSize < this.#walSize) this.#walCuts += 1;
    this.#walSize = walSize;
    return `${stat?.size} ${stat?.mtimeNs} ${this.#walCuts}`;
  }
}

/**
 * Must be asked before a database is opened, even to read it: SQLite deletes the write-ahead log of one that has no
 * bytes, and with it what was recorded last (`pagerOpenWalIfPresent` in its source).
 * @throws Error when there is a write-ahead log beside a database that is missing or empty
 */
export function assertNotEmptied(file: string): void {
  if (sizeOf(file) > 0 || sizeOf(`${file}-wal`) === 0) return;
  throw new Error(
    `${file} is missing or empty, though its write-ahead log ${file}-wal is there, which holds the newest records. Keep that, and put the database back`,
  );
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

/** Device and inode; undefined when there is no such file. */
function identityOf(file: string): string | undefined {
  const stat = statSync(file, { bigint: true, throwIfNoEntry: false });
  return stat && `${stat.dev} ${stat.ino}`;
}
