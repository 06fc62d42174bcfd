import { createReadStream } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { acknowledgedIn } from "../acknowledged.ts";
import type { Effect } from "./effect.ts";

/** What `strace` has to be told so that `readTrace` can read what it writes. */
export const traceOptions: readonly string[] = [
  ...["-f", "-y", "-xx", "-s", "200000", "--seccomp-bpf", "-e"],
  `trace=${[
    ...["openat", "creat", "write", "writev", "pwrite64", "pwritev", "pwritev2", "ftruncate", "truncate", "fallocate"],
    ...["fsync", "fdatasync", "sync_file_range", "msync", "copy_file_range", "sendfile", "unlink", "unlinkat"],
    ...["rename", "renameat", "renameat2", "link", "linkat"],
  ].join(",")}`,
];

const CALL = /^(\d+) +(\w+)\((.*)$/;
const RESUMED = /^(\d+) +<\.\.\. (\w+) resumed>(.*)$/;
const RESULT = /\) += (-?\d+)(?:<((?:\\x[0-9a-f]{2})*)>)?/;
const UNFINISHED = " <unfinished ...>";

/**
 * Reads what a program, with all its threads, did to the files of a folder. What it read, and what it shared by mapping
 * memory, is not in a trace: of SQLite that is the `-shm` file, which is made anew after a crash.
 * @param file written by `strace -o` with `traceOptions`
 * @throws Error for a call on these files that is not understood, so that none is overlooked
 */
export async function readTrace(file: string, folder: string): Promise<Effect[]> {
  const reading = new Reading(folder);
  const unfinished = new Map<string, string>();
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
    const resumed = RESUMED.exec(line);
    if (resumed !== null) {
      const [, thread = "", name = "", rest = ""] = resumed;
      const begun = unfinished.get(thread) ?? "";
      unfinished.delete(thread);
      reading.ended(thread, name, begun + rest);
      continue;
    }
    const [, thread = "", name = "", rest] = CALL.exec(line) ?? [];
    if (rest === undefined) continue;
    const open = rest.endsWith(UNFINISHED);
    const text = open ? rest.slice(0, -UNFINISHED.length) : rest;
    if (open) unfinished.set(thread, text);
    reading.begun(thread, name, text);
    if (!open) reading.ended(thread, name, text);
  }
  return reading.effects;
}

class Reading {
  readonly effects: Effect[] = [];
  readonly #folder: string;
  readonly #names = new Map<string, number>();
  /** By file descriptor. */
  readonly #open = new Map<number, number>();
  readonly #writing = new Map<string, Extract<Effect, { kind: "write" }>>();
  #files = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** What is written may be on disk from the moment on in which the call began, and an acknowledgement may be read. */
  begun(thread: string, name: string, text: string): void {
    if (name === "write" && text.startsWith("1<")) {
      for (const acknowledged of acknowledgedIn(bytesIn(text).toString()))
        this.effects.push({ kind: "acknowledge", acknowledged });
      return;
    }
    if (name !== "pwrite64" && name !== "write") return;
    const file = this.#fileOf(text);
    if (file === undefined) return;
    const offset = /^", \d+, (\d+)/.exec(text.slice(text.lastIndexOf('"')))?.[1];
    if (name === "write" || offset === undefined) throw new Error(`not understood: ${name}(${shortened(text)}`);
    const effect = { kind: "write" as const, file, offset: Number(offset), data: bytesIn(text) };
    this.effects.push(effect);
    this.#writing.set(thread, effect);
  }

  ended(thread: string, name: string, text: string): void {
    const [, number = "", hexPath] = RESULT.exec(text) ?? [];
    const result = number === "" ? Number.NaN : Number(number);
    const writing = this.#writing.get(thread);
    if (writing !== undefined) {
      this.#writing.delete(thread);
      // A write that failed, or came short. One that never ended may have reached the disk as a whole.
      if (!Number.isNaN(result)) writing.data = writing.data.subarray(0, Math.max(0, result));
      return;
    }
    if (name === "openat") this.#opened(text, result, hexPath ?? "");
    if (name === "openat" || name === "write") return;
    const failed = result !== 0;
    if (name === "unlink") {
      const inside = this.#inside(bytesIn(text).toString());
      if (inside !== undefined && !failed && this.#names.delete(inside))
        this.effects.push({ kind: "remove", name: inside });
      return;
    }
    if ((name === "fsync" || name === "fdatasync") && pathIn(text) === this.#folder) {
      if (!failed) this.effects.push({ kind: "sync-folder" });
      return;
    }
    const file = this.#fileOf(text);
    if (file === undefined) return;
    if (name === "fsync" || name === "fdatasync") {
      // One that strace has let come out well without making it is one that failed, and nobody was told.
      this.effects.push({ kind: "sync", file, failed: failed || text.endsWith("(INJECTED)") });
    } else if (name === "ftruncate") {
      const size = Number(/, (\d+)\)/.exec(text)?.[1]);
      if (!failed) this.effects.push({ kind: "truncate", file, size });
    } else throw new Error(`not understood: ${name}(${shortened(text)}`);
  }

  #opened(text: string, descriptor: number, hexPath: string): void {
    if (!(descriptor >= 0)) return;
    const name = this.#inside(decoded(hexPath).toString());
    if (name === undefined || name.endsWith("-shm")) {
      this.#open.delete(descriptor);
      return;
    }
    let file = this.#names.get(name);
    if (file === undefined) {
      file = ++this.#files;
      this.#names.set(name, file);
      this.effects.push({ kind: "create", name, file });
    }
    this.#open.set(descriptor, file);
    if (text.includes("O_TRUNC")) this.effects.push({ kind: "truncate", file, size: 0 });
  }

  /** The file of the folder that a call's first argument, an open descriptor, stands for. */
  #fileOf(text: string): number | undefined {
    const path = pathIn(text);
    if (path === undefined || this.#inside(path) === undefined) return undefined;
    return this.#open.get(Number.parseInt(text, 10));
  }

  #inside(path: string): string | undefined {
    if (dirname(path) !== this.#folder || path === this.#folder) return undefined;
    return path.slice(join(this.#folder, "/").length);
  }
}

/** The path behind a call's first argument. */
function pathIn(text: string): string | undefined {
  const hex = /^\d+<((?:\\x[0-9a-f]{2})*)>/.exec(text)?.[1];
  return hex === undefined ? undefined : decoded(hex).toString();
}

/** The bytes of a call's first string. */
function bytesIn(text: string): Buffer {
  const start = text.indexOf('"') + 1;
  const end = text.indexOf('"', start);
  if (start === 0 || end === -1 || text.startsWith("...", end + 1)) throw new Error(`cut off: ${shortened(text)}`);
  return decoded(text.slice(start, end));
}

function decoded(escapes: string): Buffer {
  return Buffer.from(escapes.replaceAll("\\x", ""), "hex");
}

function shortened(text: string): string {
  return text.length > 200 ? `${text.slice(0, 120)} … ${text.slice(-80)}` : text;
}
