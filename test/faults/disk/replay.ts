import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { commit } from "../../../src/audit/sqlite/commit.ts";
import { Connection } from "../../../src/audit/sqlite/connection.ts";
import { lockDataFolder } from "../../../src/audit/sqlite/database.ts";
import { openSqliteReader } from "../../../src/audit/sqlite/reader.ts";
import { aChange, aDenial } from "../../fixture/changes.ts";
import { testLogKeys } from "../../fixture/log-keys.ts";
import type { Acknowledged } from "../acknowledged.ts";
import { leafHashes, verifiedLog } from "../gate.ts";

/** What became of a log in a power cut. */
export interface Replayed {
  /** Records that were acknowledged and are not in the log, or not where the receipt says. */
  readonly lost: number;
  /** Records in the log that nobody wrote, or not there. */
  readonly unexplained: number;
  /** Why the log does not verify, or takes no more records; undefined when it does. */
  readonly fault: string | undefined;
}

/** Receipts that are held against the log itself, and not only by their index and hash. */
const RECEIPTS = 50;

/**
 * Opens what a disk holds after a power cut with the real store, verifies it as an outsider would, and goes on with it.
 * @param folder where to lay it out; emptied
 * @param written leaf hashes of all records in the order in which they were written, also after the power cut
 */
export async function replay(
  folder: string,
  image: ReadonlyMap<string, Buffer>,
  acknowledged: readonly Acknowledged[],
  written: readonly string[],
): Promise<Replayed> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  for (const [name, content] of image) writeFileSync(join(folder, name), content);
  const database = join(folder, "lockkeeper.db");
  let found: readonly string[] = [];
  let fault: string | undefined;
  try {
    // As the store's thread does, but without the thread: starting one takes longer than all the rest.
    const unlock = lockDataFolder(database);
    const connection = new Connection({ file: database, owner: "123456789012", keys: testLogKeys });
    try {
      found = leafHashes(database);
      const size = connection.toWrite().head?.size ?? 0;
      const [outcome] = commit(connection, [{ kind: "deny", ...aDenial(aChange()) }]);
      const next = outcome?.ok === true && typeof outcome.result === "object" && "index" in outcome.result;
      if (!next || size !== found.length) fault = `${found.length} records, a head of ${size}, then ${outcome?.ok}`;
    } finally {
      connection.close();
      unlock();
    }
    const receipts = acknowledged.flatMap(({ proof }) => proof ?? []).slice(-RECEIPTS);
    fault ??= await verifiedLog(openSqliteReader(database), testLogKeys.trustedKeys, receipts);
  } catch (error) {
    fault = error instanceof Error ? error.message : String(error);
  }
  const lost = acknowledged.filter(({ index = -1, leafHash }) => found[index] !== leafHash || leafHash === undefined);
  const unexplained = found.filter((leafHash, index) => written[index] !== leafHash);
  return { lost: lost.length, unexplained: unexplained.length, fault };
}
