import { keyChangedRecord } from "../log-record.ts";
import { commit } from "./commit.ts";
import type { Connection } from "./connection.ts";
import { keyName } from "./key-name.ts";

/**
 * When the log has been signed with another key so far, says so in the log: the first record under the new one. Instances
 * that still have the former key stop then.
 * @param mayChange true for a gateway; a command beside it, which may still sign with the former key, must not
 * @param now epoch milliseconds
 * @throws Error when the key may not become the log's newest, or the log takes no record
 */
export async function takeUpKey(
  connection: Connection,
  { mayChange, now }: { readonly mayChange: boolean; readonly now: number },
): Promise<void> {
  const { session, known, identity } = await connection.toWrite();
  const [former, next] = [known.vkey, identity.signer.verifier];
  if (former === null || former === next) return;
  const earlier = await session.ask("SELECT 1 FROM keys WHERE vkey = $1", [next]);
  if (earlier.length > 0) {
    throw new Error(
      `its key ${keyName(next)} was replaced by ${keyName(former)}, and a key that was replaced does not come back. Put the newest one, or another new one, into audit.signingKeyFile`,
    );
  }
  if (!mayChange) {
    throw new Error(
      `it is signed with the key ${keyName(former)}, and audit.signingKeyFile holds ${keyName(next)}. Start the gateway with the new key first: it writes the change into the log`,
    );
  }
  const [outcome] = await commit(connection, [{ kind: "note", record: keyChangedRecord({ former, next }, now) }]);
  if (outcome?.ok !== true) throw new Error(`the change of its key cannot be recorded: ${outcome?.message}`);
}
