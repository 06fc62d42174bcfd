import { type FileHandle, open } from "node:fs/promises";

/**
 * The simplest durable log there is: what arrives while one write is being synced shares the next `write` and
 * `fdatasync`. No tree, no signature, no index, no thread: what a Lockkeeper log is measured against.
 */
export class PlainLog {
  readonly #file: FileHandle;
  #queue: { readonly line: string; readonly done: () => void }[] = [];
  #writing = false;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async create(path: string): Promise<PlainLog> {
    return new PlainLog(await open(path, "a"));
  }

  /** Resolves when the line is on disk. */
  append(line: string): Promise<void> {
    return new Promise((done) => {
      this.#queue.push({ line, done });
      if (!this.#writing) void this.#write();
    });
  }

  async #write(): Promise<void> {
    this.#writing = true;
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const batch = this.#queue;
      this.#queue = [];
      await this.#file.write(batch.map(({ line }) => `${line}\n`).join(""));
      await this.#file.datasync();
      for (const { done } of batch) done();
    }
    this.#writing = false;
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
