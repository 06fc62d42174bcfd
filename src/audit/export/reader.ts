import { createReadStream } from "node:fs";
import { join } from "node:path";
import { NoteError, parseVerifier } from "../../tlog/note.ts";
import { entriesPath, TILE_WIDTH, tilePath } from "../../tlog/tile.ts";
import type { LogEntry, LogReader, StoredCheckpoint, StoredNode } from "../log-reader.ts";
import { ExportFolder } from "./folder.ts";
import {
  CHECKPOINT,
  CHECKPOINTS,
  KEYS,
  PRUNED,
  PrunedRanges,
  README,
  README_TEXT,
  SEPARATOR,
  unreadable,
  widthOf,
} from "./layout.ts";

/** Checkpoints that are given at once. */
const CHUNK = 256;

/**
 * Opens a log that `writeExport` has put into a folder.
 * @throws LockkeeperError `audit-unreadable`, here and from every method, when it is not there as a whole
 */
export async function openExport(path: string): Promise<LogReader> {
  const folder = new ExportFolder(path);
  const note = (await folder.read(CHECKPOINT))?.toString();
  if (note === undefined) {
    throw unreadable(
      `${path} has no file "${CHECKPOINT}": it is no export, or one that was interrupted. Export again into the same folder.`,
    );
  }
  const size = sizeOf(note);
  if (size === undefined) throw unreadable(`The file "${CHECKPOINT}" in ${path} names no size of the log.`);
  return new ExportReader(folder, { size, note });
}

class ExportReader implements LogReader {
  readonly name: string;
  readonly #folder: ExportFolder;
  readonly #head: StoredCheckpoint;
  /** What was seen when everything was read. */
  #pruned = new PrunedRanges();
  #last: string | undefined;

  constructor(folder: ExportFolder, head: StoredCheckpoint) {
    this.name = folder.path;
    this.#folder = folder;
    this.#head = head;
  }

  async size(): Promise<number> {
    return this.#head.size;
  }

  async head(): Promise<StoredCheckpoint> {
    return this.#head;
  }

  async *records(from: number, to: number): AsyncGenerator<readonly LogEntry[]> {
    const end = Math.min(to, this.#head.size);
    if (from === 0) this.#pruned = new PrunedRanges();
    for (let index = Math.floor(from / TILE_WIDTH); index * TILE_WIDTH < end; index += 1) {
      const tile = { level: 0, index, width: widthOf(0, index, this.#head.size) };
      const bodies = await this.#folder.entries(tile);
      if (bodies === undefined) throw this.#damaged(entriesPath(tile));
      const leaves = await this.#folder.tile(tile);
      if (leaves === undefined) throw this.#damaged(tilePath(tile));
      const first = index * TILE_WIDTH;
      const entries = leaves.map((leafHash, at) => ({ index: first + at, body: bodies[at] ?? null, leafHash }));
      for (const entry of entries) if (entry.body === null) this.#pruned.add(entry.index);
      yield entries.filter((entry) => entry.index >= from && entry.index < end);
    }
  }

  async *checkpoints(): AsyncGenerator<readonly StoredCheckpoint[]> {
    let chunk: StoredCheckpoint[] = [];
    for await (const note of this.#notes()) {
      chunk.push({ size: sizeOf(note) ?? 0, note });
      this.#last = note;
      if (chunk.length < CHUNK) continue;
      yield chunk;
      chunk = [];
    }
    if (chunk.length > 0) yield chunk;
  }

  async nodes(level: number, first: number, count: number): Promise<readonly StoredNode[]> {
    const nodes: StoredNode[] = [];
    for (let index = Math.floor(first / TILE_WIDTH); index * TILE_WIDTH < first + count; index += 1) {
      const width = widthOf(level, index, this.#head.size);
      if (width === 0) break;
      const hashes = await this.#folder.tile({ level, index, width });
      if (hashes === undefined) throw this.#damaged(tilePath({ level, index, width }));
      nodes.push(...hashes.map((hash, at) => ({ index: index * TILE_WIDTH + at, hash })));
    }
    return nodes.filter(({ index }) => index >= first && index < first + count);
  }

  async keys(): Promise<readonly string[]> {
    const text = (await this.#folder.read(KEYS))?.toString() ?? "";
    return text.split("\n").filter((line) => line !== "");
  }

  async oddities(): Promise<readonly string[]> {
    const odd: string[] = [];
    if ((await this.#folder.read(README))?.toString() !== README_TEXT)
      odd.push(`${README} is not the one of an export.`);
    if (this.#last !== this.#head.note)
      odd.push(`The head in "${CHECKPOINT}" is not the last one in "${CHECKPOINTS}".`);
    const pruned = (await this.#folder.read(PRUNED))?.toString();
    if (pruned !== this.#pruned.toString()) odd.push(`"${PRUNED}" does not tell which bodies are missing.`);
    const keys = (await this.#folder.read(KEYS))?.toString("latin1") ?? "";
    if (!/^(?:[^\n]+\n)+$/.test(keys) || !keys.trimEnd().split("\n").every(isKey)) odd.push(`"${KEYS}" holds no keys.`);
    for (const name of await this.#folder.beside()) odd.push(`${name} is no part of an export.`);
    for await (const name of this.#folder.strays(this.#head.size)) odd.push(`${name} is no part of the log.`);
    return odd;
  }

  async close(): Promise<void> {}

  async *#notes(): AsyncGenerator<string> {
    let rest = "";
    try {
      for await (const text of createReadStream(join(this.name, CHECKPOINTS), "utf8")) {
        const [last = "", ...notes] = `${rest}${text}`.split(`\n${SEPARATOR}\n`).reverse();
        rest = last;
        for (const note of notes.reverse()) yield `${note}\n`;
      }
    } catch (cause) {
      throw unreadable(`${join(this.name, CHECKPOINTS)} cannot be read.`, cause);
    }
    if (rest !== "") yield rest;
  }

  #damaged(name: string) {
    return unreadable(`${join(this.name, name)} is missing, or has not the length that it must have.`);
  }
}

/** What a checkpoint says of its size, before it is verified. */
function sizeOf(note: string): number | undefined {
  const [, size] = /^[^\n]+\n(0|[1-9][0-9]{0,15})\n/.exec(note) ?? [];
  return size === undefined ? undefined : Number(size);
}

function isKey(vkey: string): boolean {
  try {
    parseVerifier(vkey);
    return true;
  } catch (error) {
    if (error instanceof NoteError) return false;
    throw error;
  }
}
