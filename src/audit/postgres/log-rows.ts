import { TILE_WIDTH, type TileRef, type TileSource } from "../../tlog/tile.ts";
import { LogFault, whatToDo } from "../head.ts";
import { type LogTail, TAIL_RECORDS, tailTiles } from "../log-tail.ts";
import type { Row } from "./session.ts";

/** Asks one session, or any of a pool. */
export type Ask = (text: string, values: unknown[]) => Promise<readonly Row[]>;

/** The one row that an instance locks to append. */
export interface HeadRow {
  readonly size: number;
  readonly root: Buffer;
  /** The signed head; null of an empty log. */
  readonly checkpoint: string | null;
  readonly vkey: string | null;
}

export const lockHead = "SELECT size, root, checkpoint, vkey, pg_backend_pid() AS pid FROM head FOR UPDATE";
/** Each new version of the row costs a flush, as any other record does: a way to ask whether the server can write. */
export const touchHead = "UPDATE head SET size = size";

/**
 * @param rows what `lockHead` has answered
 * @param pid the number of the session's process
 * @throws LogFault when the head is not there; Error when the answer came from another session, which has none of the
 *   settings that make a commit durable
 */
export function headRow(rows: readonly Row[], pid: number): HeadRow {
  const [row] = rows;
  if (row === undefined) throw new LogFault(`its head is not there. ${whatToDo}`);
  if (row["pid"] !== pid) {
    throw new Error(
      "a pooler stands before it that gives each transaction another session: let it keep them (PgBouncer: pool_mode = session), or connect without it",
    );
  }
  return {
    size: Number(row["size"]),
    root: bytes(row["root"]),
    checkpoint: textOrNull(row["checkpoint"]),
    vkey: textOrNull(row["vkey"]),
  };
}

/**
 * The end of the log as the store has it.
 * @param head as it was locked, so that nothing is appended meanwhile
 * @param others tiles that are to be there beside those of the tail itself
 * @throws LogFault when the newest checkpoint is not the head's
 */
export async function readTail(
  ask: Ask,
  head: HeadRow,
  others: (count: number) => readonly TileRef[],
): Promise<LogTail> {
  const [[newest], records] = await Promise.all([
    ask(
      `SELECT (SELECT coalesce(max(idx) + 1, 0) FROM records) AS count,
        (SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1) AS note`,
      [],
    ),
    ask(
      `SELECT idx, leaf_hash, body FROM (SELECT idx, leaf_hash, body FROM records ORDER BY idx DESC LIMIT $1) AS newest
       ORDER BY idx`,
      [TAIL_RECORDS],
    ),
  ]);
  const count = Number(newest?.["count"]);
  if (textOrNull(newest?.["note"]) !== head.checkpoint) {
    throw new LogFault(`its head is not the newest of its checkpoints. ${whatToDo}`);
  }
  return {
    count,
    checkpoint: head.checkpoint ?? undefined,
    records: records.map((row) => ({
      index: Number(row["idx"]),
      leafHash: bytes(row["leaf_hash"]),
      body: textOrNull(row["body"]),
    })),
    tiles: await readTiles(ask, [...tailTiles(count), ...others(count)]),
  };
}

/** Reads tiles beforehand. The source gives fewer hashes than a tile's width when they are not there. */
export async function readTiles(ask: Ask, tiles: readonly TileRef[]): Promise<TileSource> {
  const read = new Map(
    await Promise.all(tiles.map(async (tile) => [keyOf(tile), hashesOf(await tileBytes(ask, tile))] as const)),
  );
  return (tile) => {
    const hashes = read.get(keyOf(tile));
    if (hashes === undefined) throw new Error(`tile ${keyOf(tile)} was not read beforehand`);
    return hashes.slice(0, tile.width);
  };
}

/** The hashes of a tile one after another. */
export async function tileBytes(ask: Ask, { level, index, width }: TileRef): Promise<Buffer> {
  const range = [TILE_WIDTH * index, TILE_WIDTH * index + width - 1];
  const [row] =
    level === 0
      ? await ask(
          "SELECT string_agg(leaf_hash, '' ORDER BY idx) AS hashes FROM records WHERE idx BETWEEN $1::bigint AND $2::bigint",
          range,
        )
      : await ask(
          "SELECT string_agg(hash, '' ORDER BY idx) AS hashes FROM nodes WHERE level = $3::smallint AND idx BETWEEN $1::bigint AND $2::bigint",
          [...range, level],
        );
  return bytes(row?.["hashes"]);
}

/** Cuts hashes of 32 bytes apart. */
export function hashesOf(joined: Buffer): Buffer[] {
  return Array.from({ length: joined.length / 32 }, (_, at) => joined.subarray(32 * at, 32 * (at + 1)));
}

export function bytes(value: unknown): Buffer {
  return Buffer.isBuffer(value) ? value : Buffer.alloc(0);
}

export function textOrNull(value: unknown): string | null {
  return value === null || value === undefined ? null : String(value);
}

function keyOf({ level, index }: TileRef): string {
  return `${level}/${index}`;
}
