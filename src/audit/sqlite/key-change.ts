import { keyToReplace } from "../key-change.ts";
import { keyChangedRecord } from "../log-record.ts";
import { commit } from "./commit.ts";
import type { Connection } from "./connection.ts";

/**
 * When the log has been signed with another key so far, says so in the log: the first record under the new one.
 * @param mayChange true for a gateway; a command beside it, which may still sign with the former key, must not
 * @param now epoch milliseconds
 * @throws LogFault when the log is signed with a key that was replaced; Error when the key may not become the log's
 *   newest, or the log takes no record
 */
export function takeUpKey(connection: Connection, mayChange: boolean, now: number): void {
  const { identity, history } = connection.keys();
  const former = keyToReplace(history, identity, mayChange);
  if (former === undefined) return;
  const record = keyChangedRecord({ former, next: identity.signer.verifier }, now);
  const [outcome] = commit(connection, [{ kind: "note", record }]);
  if (outcome?.ok !== true) throw new Error(`the change of its key cannot be recorded: ${outcome?.message}`);
}
