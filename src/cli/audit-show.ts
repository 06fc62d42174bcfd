import { join } from "node:path";
import { readRecords } from "../audit/sqlite/read.ts";
import { LockkeeperError } from "../errors.ts";
import type { Output } from "./keys.ts";

export interface AuditShowOptions {
  /** The folder with the log. */
  readonly dataDir: string;
  /** How many of the newest, where no index is given. */
  readonly last: number;
}

/**
 * `lockkeeper audit show [INDEX]`: prints one record, or the newest, as JSON, each with its index and leaf hash. Works
 * beside a running gateway.
 * @throws LockkeeperError with a sentence for the terminal
 */
export function auditShow(output: Output, index: string | undefined, { dataDir, last }: AuditShowOptions): void {
  if (index !== undefined && !/^[0-9]{1,15}$/.test(index)) {
    throw new LockkeeperError("malformed-request", "An index is a number, counted from 0.");
  }
  const range = index === undefined ? ({ from: "newest", limit: last } as const) : { from: Number(index), limit: 1 };
  const records = readRecords(join(dataDir, "lockkeeper.db"), range);
  if (records.length === 0) throw new LockkeeperError("not-found", "There is no such record.");
  for (const { index: at, leafHash, body } of records) {
    output.print(
      JSON.stringify({ index: at, leafHash, record: body === null ? null : JSON.parse(body) }, undefined, 2),
    );
  }
}
