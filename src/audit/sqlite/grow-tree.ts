import type { DatabaseSync } from "node:sqlite";
import { GrowingTree } from "../../tlog/growing-tree.ts";
import { leafHash } from "../../tlog/hash.ts";
import { LogFault, signHead } from "../head.ts";
import type { LogIdentity } from "../log-keys.ts";
import { LogTables } from "./log-tables.ts";
import { Stretches } from "./stretches.ts";

/** Records between two looks at what the tree has finished. */
const CHUNK = 4096;

/**
 * Brings the records and changes of schema version 1, which had hashes but no tree, into the tables of version 2: the
 * nodes of their tree, and a first signed head over all of them. Part of a transaction; the heap stays small.
 * @throws LogFault when a record is not the one that was hashed when it was written: that must not be signed
 */
export function growTree(db: DatabaseSync, identity: LogIdentity): void {
  const stretches = new Stretches(db);
  const log = new LogTables(db, stretches);
  const tree = GrowingTree.load(0, () => []);
  const rows = db.prepare("SELECT idx, uid, correlation, body, leaf_hash FROM records_1 ORDER BY idx").iterate();
  for (const row of rows) {
    const index = tree.size;
    const body = String(row["body"]);
    const hash = leafHash(body);
    if (Number(row["idx"]) !== index || hash.toString("hex") !== row["leaf_hash"]) {
      throw new LogFault(
        `its record ${index} is not the one that was written by Lockkeeper 0.1: the log was changed since. Keep it as it is, and look into it`,
      );
    }
    tree.append(hash);
    const record = { uid: String(row["uid"]), correlation: String(row["correlation"]), ...searchColumns(body), body };
    log.addRecord({ index, leafHash: hash, record });
    if (tree.size % CHUNK === 0) {
      log.addNodes(tree.newNodes());
      tree.mark();
    }
  }
  log.addNodes(tree.newNodes());
  if (tree.size > 0) log.addHead(signHead(identity, tree.size, tree.root()), identity.signer.verifier);
  db.exec(`
    INSERT INTO changes (first_idx, id, principal, account, type, credential_id, user_key, user_name, status,
      requested_at, deadline, outcome, outcome_idx, reconciled_idx, superseded_id, settled_at)
    SELECT first_idx, id, principal, account, type, credential_id, user_key, user_name, status,
      requested_at, deadline, outcome, outcome_idx, reconciled_idx, superseded_id, settled_at
    FROM changes_1 ORDER BY first_idx;
    DROP TABLE records_1;
    DROP TABLE changes_1;
  `);
  for (const row of db.prepare("SELECT first_idx, requested_at FROM changes").iterate()) {
    stretches.addChange(Number(row["first_idx"]), Number(row["requested_at"]));
  }
  stretches.flush();
}

/** What the record says of itself, to search by. */
function searchColumns(body: string): { code: string; time: number } {
  const { time, metadata } = JSON.parse(body) as { time: number; metadata: { event_code: string } };
  return { code: metadata.event_code, time };
}
