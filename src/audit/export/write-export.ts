import { readdir } from "node:fs/promises";
import { type Checkpoint, parseCheckpoint } from "../../tlog/checkpoint.ts";
import { GrowingTree } from "../../tlog/growing-tree.ts";
import { leafHash } from "../../tlog/hash.ts";
import { NoteError, splitNote } from "../../tlog/note.ts";
import { rootHash, rootTiles } from "../../tlog/proof.ts";
import { entriesPath, TILE_WIDTH, tilePath } from "../../tlog/tile.ts";
import type { LogEntry, LogReader } from "../log-reader.ts";
import { ExportFolder } from "./folder.ts";
import { HigherTiles } from "./higher-tiles.ts";
import {
  CHECKPOINT,
  CHECKPOINTS,
  entryBundle,
  KEYS,
  PRUNED,
  PrunedRanges,
  README,
  README_TEXT,
  SEPARATOR,
  unreadable,
  widthOf,
} from "./layout.ts";

export interface ExportOptions {
  /** Told again and again how many records are in the folder, and of how many. */
  readonly onProgress?: (done: number, of: number) => void;
}

/** What is in the folder now. */
export interface Exported {
  readonly origin: string;
  readonly size: number;
  /** How many of the records were there before, in whole tiles, and were left as they are. */
  readonly kept: number;
}

/**
 * Writes a log into a folder as c2sp.org/tlog-tiles lays it out, up to its newest head. A folder with an older export of
 * the same log, or with one that was interrupted, is brought up to date: what is sound in it is kept, also bodies that the
 * log does not have any more. The head is written last, so a folder with one is whole.
 * @throws LockkeeperError `audit-unreadable` when the log is empty or does not make up its head, or the folder holds
 *   anything else, or another history of the log: then it is left as it is
 */
export async function writeExport(
  reader: LogReader,
  path: string,
  { onProgress }: ExportOptions = {},
): Promise<Exported> {
  const folder = new ExportFolder(path);
  const { note, head } = await newestHead(reader);
  const oldSize = await sizeThere(folder, reader, head);
  await folder.write(README, README_TEXT);

  const tree = new GrowingTree();
  const tiles = new HigherTiles(tree, folder);
  const pruned = new PrunedRanges();
  const add = async (entries: readonly Pick<LogEntry, "index" | "body" | "leafHash">[]) => {
    for (const { index, body, leafHash: leaf } of entries) {
      tree.append(leaf);
      if (body === null) pruned.add(index);
    }
    await tiles.take();
    onProgress?.(tree.size, head.size);
  };
  for (;;) {
    const there =
      tree.size + TILE_WIDTH <= head.size ? await soundTile(folder, reader, tree.size / TILE_WIDTH) : undefined;
    if (there === undefined) break;
    await add(there);
  }
  const kept = tree.size;
  for await (const entries of inTiles(reader.records(kept, head.size))) {
    const tile = { index: tree.size / TILE_WIDTH, width: entries.length };
    const whole = await withKeptBodies(folder, tile, entries, oldSize);
    await folder.write(entriesPath(tile), entryBundle(whole.map(({ body }) => body)));
    await folder.write(tilePath({ level: 0, ...tile }), Buffer.concat(whole.map(({ leafHash: leaf }) => leaf)));
    await add(whole);
  }
  await tiles.end();
  if (tree.size !== head.size || !tree.root().equals(head.root)) throw notItsHead(reader);

  await folder.write(PRUNED, pruned.toString());
  await folder.write(KEYS, (await reader.keys()).map((vkey) => `${vkey}\n`).join(""));
  await folder.write(CHECKPOINTS, notes(reader));
  await folder.write(CHECKPOINT, note);
  await folder.sweep(head.size);
  return { origin: head.origin, size: head.size, kept };
}

async function newestHead(reader: LogReader): Promise<{ readonly note: string; readonly head: Checkpoint }> {
  const newest = await reader.head();
  if (newest === undefined) throw unreadable(`There is no record in ${reader.name} to export.`);
  const head = checkpointOf(newest.note);
  if (head === undefined || (await reader.size()) !== head.size) throw notItsHead(reader);
  return { note: newest.note, head };
}

/**
 * Makes sure that what is in the folder is an older state of the log, before anything of it is replaced.
 * @returns how many records that has; 0 when there is none
 */
async function sizeThere(folder: ExportFolder, reader: LogReader, head: Checkpoint): Promise<number> {
  const there = await readdir(folder.path).catch(() => []);
  const readme = await folder.read(README);
  if (there.length > 0 && readme === undefined) {
    throw unreadable(`${folder.path} is not empty, and holds no export. Give a folder of its own.`);
  }
  const note = await folder.read(CHECKPOINT);
  const old = note && checkpointOf(note.toString());
  if (old === undefined) return 0;
  const other = `${folder.path} holds an export of ${old.origin} with ${old.size} records, and ${reader.name}`;
  if (old.origin !== head.origin) throw unreadable(`${other} is the log ${head.origin}.`);
  if (old.size > head.size) {
    throw unreadable(`${other} has only ${head.size}: it was cut, or is an older state. The folder is left as it is.`);
  }
  if (!(await rootAt(reader, old.size)).equals(old.root)) {
    throw unreadable(`${other} has another history of them. The folder is left as it is: it may be the true one.`);
  }
  return old.size;
}

/** The root that the log had at a size, by what it stores: O(log n). */
async function rootAt(reader: LogReader, size: number): Promise<Buffer> {
  const rows = new Map<string, readonly Buffer[]>();
  for (const { level, index, width } of rootTiles(size)) {
    const first = index * TILE_WIDTH;
    const hashes: Buffer[] = [];
    if (level > 0) hashes.push(...(await reader.nodes(level, first, width)).map(({ hash }) => hash));
    else for await (const entries of reader.records(first, first + width)) hashes.push(...entries.map(leafOf));
    rows.set(`${level} ${index}`, hashes);
  }
  try {
    return rootHash(size, ({ level, index }) => rows.get(`${level} ${index}`) ?? []);
  } catch (error) {
    if (error instanceof RangeError) throw notItsHead(reader);
    throw error;
  }
}

/** A full tile that is in the folder and sound, and has every body that the log still has; undefined to write it anew. */
async function soundTile(
  folder: ExportFolder,
  reader: LogReader,
  index: number,
): Promise<Pick<LogEntry, "index" | "body" | "leafHash">[] | undefined> {
  const tile = { index, width: TILE_WIDTH };
  const [bodies, leaves] = [await folder.entries(tile), await folder.tile({ level: 0, ...tile })];
  const [node] = await reader.nodes(1, index, 1);
  if (bodies === undefined || leaves === undefined || node === undefined) return undefined;
  const subtree = new GrowingTree();
  for (const leaf of leaves) subtree.append(leaf);
  if (!subtree.root().equals(node.hash)) return undefined;
  const missing = new Set<number>();
  const entries = leaves.map((leaf, at) => {
    const body = bodies[at] ?? null;
    if (body === null || !leafHash(body).equals(leaf)) missing.add(index * TILE_WIDTH + at);
    return { index: index * TILE_WIDTH + at, body, leafHash: leaf };
  });
  if (missing.size === 0) return entries;
  for await (const stored of reader.records(index * TILE_WIDTH, (index + 1) * TILE_WIDTH)) {
    if (stored.some((entry) => entry.body !== null && missing.has(entry.index))) return undefined;
  }
  return entries.every(({ body, leafHash: leaf }) => body === null || leafHash(body).equals(leaf))
    ? entries
    : undefined;
}

/** Bodies that the log has pruned and the folder still has stay in it. */
async function withKeptBodies(
  folder: ExportFolder,
  tile: { readonly index: number; readonly width: number },
  entries: readonly LogEntry[],
  oldSize: number,
): Promise<readonly LogEntry[]> {
  if (entries.every(({ body }) => body !== null)) return entries;
  const old = { index: tile.index, width: widthOf(0, tile.index, oldSize) };
  const bodies = (await folder.entries(tile)) ?? (await folder.entries(old)) ?? [];
  return entries.map((entry, at) => {
    const kept = bodies[at];
    return entry.body === null && kept && leafHash(kept).equals(entry.leafHash) ? { ...entry, body: kept } : entry;
  });
}

/** The same entries, as many at once as a tile has. */
async function* inTiles(chunks: AsyncIterable<readonly LogEntry[]>): AsyncGenerator<readonly LogEntry[]> {
  let waiting: LogEntry[] = [];
  for await (const chunk of chunks) {
    waiting.push(...chunk);
    for (; waiting.length >= TILE_WIDTH; waiting = waiting.slice(TILE_WIDTH)) yield waiting.slice(0, TILE_WIDTH);
  }
  if (waiting.length > 0) yield waiting;
}

async function* notes(reader: LogReader): AsyncGenerator<string> {
  for await (const chunk of reader.checkpoints()) yield chunk.map(({ note }) => `${note}${SEPARATOR}\n`).join("");
}

function checkpointOf(note: string): Checkpoint | undefined {
  try {
    return parseCheckpoint(splitNote(note).text);
  } catch (error) {
    if (error instanceof NoteError) return undefined;
    throw error;
  }
}

function leafOf({ leafHash: leaf }: LogEntry): Buffer {
  return leaf;
}

function notItsHead(reader: LogReader) {
  return unreadable(
    `The records in ${reader.name} do not make up its newest signed head, so it is not exported. See what is wrong: lockkeeper audit verify`,
  );
}
