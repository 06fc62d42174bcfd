import { keyChangedRecord } from "../log-record.ts";
import { commit } from "./commit.ts";
import type { Connection } from "./connection.ts";

/**
 * When the log has been signed with another key so far, says so in the log: the first record under the new one.
 * @param mayChange true for a gateway; a command beside it, which may still sign with the former key, must not
 * @param now epoch milliseconds
 * @throws Error when the key is not the log's newest and may not become it, or the log takes no record
 */
export function takeUpKey(connection: Connection, mayChange: boolean, now: number): void {
  const { signingKey: next, formerKey: former } = connection.keys();
  if (former === undefined || former === next) return;
  if (!mayChange) {
    throw new Error(
      `it is signed with the key ${nameOf(former)}, and audit.signingKeyFile holds ${nameOf(next)}. Start the gateway with the new key first: it writes the change into the log`,
    );
  }
  const [outcome] = commit(connection, [{ kind: "note", record: keyChangedRecord({ former, next }, now) }]);
  if (outcome?.ok !== true) throw new Error(`the change of its key cannot be recorded: ${outcome?.message}`);
}

/** `<name>+<key id>`: a verifier key without the key itself. */
function nameOf(vkey: string): string {
  return vkey.split("+").slice(0, 2).join("+");
}
