import { LogFault, openHead, whatToDo } from "./head.ts";
import { keyName, type LogIdentity } from "./log-keys.ts";
import { unmappedOf } from "./verify/outline.ts";

/** Event code of the record that is the first under a new key. */
export const KEY_CHANGED_CODE = "lockkeeper.audit-key.changed";

/** What a store has about the keys that have signed its log, of one moment. */
export interface KeyHistory {
  /** The newest signed head; undefined of an empty log. */
  readonly checkpoint: string | undefined;
  /** Verifier keys, in the order in which they came. */
  readonly keys: readonly string[];
  /** Body of the newest record of a change of the key. */
  readonly changed: string | undefined;
}

/**
 * Another instance signs the log with a newer key. This one stops, and the log is as it should be: what has to be done is
 * to start this one again with that key.
 */
export class KeyReplaced extends LogFault {}

/**
 * Which key the configured one has to replace, in a log that is opened.
 *
 * A key that was replaced may have been so because somebody else has it. So a head under it counts only as long as no
 * newer key has signed one. Whoever has the former key and can change the tables can take away each row that says that
 * there was a newer one, with all that was written since, and sign the rest anew: that is the log as it was before the
 * change, gone on with, and only a checkpoint that is kept outside tells the two apart.
 * @param mayChange true for a gateway; a command beside it, which may still sign with the former key, must not
 * @returns undefined when there is nothing to replace
 * @throws LogFault when the newest head is signed with a key that was replaced; Error when the configured key may not
 *   become the log's
 */
export function keyToReplace(history: KeyHistory, identity: LogIdentity, mayChange: boolean): string | undefined {
  if (history.checkpoint === undefined) return undefined;
  const { vkey: former } = openHead(history.checkpoint, identity);
  const next = identity.signer.verifier;
  for (const newest of [history.keys.at(-1), keyAfterChange(history, identity)]) {
    if (newest === undefined || newest === former) continue;
    throw new LogFault(
      `its newest head is signed with the key ${keyName(former)}, which ${keyName(newest)} had replaced: somebody has written it who has the former key. ${whatToDo}`,
    );
  }
  if (former === next) return undefined;
  if (history.keys.includes(next)) {
    throw new Error(
      `its key ${keyName(next)} was replaced by ${keyName(former)}, and a key that was replaced does not come back. Put the newest one, or another new one, into audit.signingKeyFile`,
    );
  }
  if (!mayChange) {
    throw new Error(
      `it is signed with the key ${keyName(former)}, and audit.signingKeyFile holds ${keyName(next)}. Start the gateway with the new key first: it writes the change into the log`,
    );
  }
  return former;
}

/**
 * Who signs the log has written so into it at its start. When another instance has done that since, this one still has the
 * key of before.
 * @param found the verifier key under which the log is signed now; null of an empty one
 * @param known the one of before
 * @throws KeyReplaced
 */
export function assertSameKey(found: string | null, known: string | null, { signer }: LogIdentity): void {
  // A log that nobody has signed is another one altogether: its size tells.
  if (found === null || found === known || found === signer.verifier) return;
  throw new KeyReplaced(
    `another instance signs it with the key ${keyName(found)} now, and this one has ${keyName(signer.verifier)}. That is no fault of the log: start this one again with the new key in audit.signingKeyFile, and this key's verifier key in audit.formerKeys. When nobody has changed the key, somebody else has: look at the log with \`lockkeeper audit verify\``,
  );
}

/** Of a record that another log has left, as a recovery carries them over, nothing is known. */
function keyAfterChange({ changed }: KeyHistory, { origin }: LogIdentity): string | undefined {
  const vkey = changed === undefined ? undefined : unmappedOf(Buffer.from(changed))["verifier_key"];
  return typeof vkey === "string" && vkey.startsWith(`${origin}+`) ? vkey : undefined;
}
