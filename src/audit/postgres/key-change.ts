import { KEY_CHANGED_CODE, keyToReplace } from "../key-change.ts";
import { keyChangedRecord } from "../log-record.ts";
import { commit } from "./commit.ts";
import type { Connection } from "./connection.ts";
import { type Ask, textOrNull } from "./log-rows.ts";

/**
 * When the log has been signed with another key so far, says so in the log: the first record under the new one. Instances
 * that still have the former key stop then. Of several that take it up at once, one says so.
 * @param mayChange true for a gateway; a command beside it, which may still sign with the former key, must not
 * @param now epoch milliseconds
 * @throws LogFault when the log is signed with a key that was replaced; Error when the key may not become the log's
 *   newest, or the log takes no record
 */
export async function takeUpKey(
  connection: Connection,
  { mayChange, now }: { readonly mayChange: boolean; readonly now: number },
): Promise<void> {
  const { session, identity } = await connection.toWrite();
  const next = identity.signer.verifier;
  const former = keyToReplace(await keyHistory(session.ask), identity, mayChange);
  if (former === undefined) return;
  const record = keyChangedRecord({ former, next }, now);
  const [outcome] = await commit(connection, [{ kind: "note", record }], former);
  // Somebody else may have been first: that is seen while the head is held.
  if (outcome?.ok === true || connection.known?.vkey === next) return;
  throw new Error(`the change of its key cannot be recorded: ${outcome?.message}`);
}

/** One statement, so that it sees one moment: others may be changing the key. */
async function keyHistory(ask: Ask) {
  const [row] = await ask(
    `SELECT checkpoint, ARRAY(SELECT vkey FROM keys ORDER BY first_size) AS keys,
      (SELECT body FROM records WHERE code = $1 ORDER BY idx DESC LIMIT 1) AS changed
    FROM head`,
    [KEY_CHANGED_CODE],
  );
  const keys: unknown = row?.["keys"];
  return {
    checkpoint: textOrNull(row?.["checkpoint"]) ?? undefined,
    keys: Array.isArray(keys) ? keys.map(String) : [],
    changed: textOrNull(row?.["changed"]) ?? undefined,
  };
}
