import type { LogEntry } from "../audit/log-reader.ts";
import { databaseFile } from "../audit/open-store.ts";
import { LockkeeperError } from "../errors.ts";
import type { Output } from "./keys.ts";
import { openLogSource } from "./log-source.ts";

export interface AuditShowOptions {
  /** The folder with the log, unless a configuration says where it is. */
  readonly dataDir: string;
  readonly config?: string | undefined;
  /** How many of the newest, where no index is given. */
  readonly last: number;
}

/**
 * `lockkeeper audit show [INDEX]`: prints one record, or the newest, as JSON, each with its index and leaf hash. Works
 * beside a running gateway.
 * @throws LockkeeperError with a sentence for the terminal
 */
export async function auditShow(
  output: Output,
  index: string | undefined,
  { dataDir, config, last }: AuditShowOptions,
): Promise<void> {
  if (index !== undefined && !/^[0-9]{1,15}$/.test(index)) {
    throw new LockkeeperError("malformed-request", "An index is a number, counted from 0.");
  }
  const reader = await openLogSource(config === undefined ? { where: databaseFile(dataDir) } : { config });
  try {
    const size = await reader.size();
    const from = index === undefined ? Math.max(0, size - last) : Number(index);
    const to = index === undefined ? size : Math.min(size, from + 1);
    if (from >= to) throw new LockkeeperError("not-found", "There is no such record.");
    for await (const entries of reader.records(from, to)) for (const entry of entries) output.print(shown(entry));
  } finally {
    await reader.close();
  }
}

function shown({ index, leafHash, body }: LogEntry): string {
  const record = body === null ? null : JSON.parse(body.toString("utf8"));
  return JSON.stringify({ index, leafHash: leafHash.toString("hex"), record }, undefined, 2);
}
