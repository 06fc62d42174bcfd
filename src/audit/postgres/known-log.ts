import { consistencyTiles } from "../../tlog/proof.ts";
import { type Head, LogFault, openHead, whatToDo } from "../head.ts";
import type { LogIdentity } from "../log-keys.ts";
import { verifyTail } from "../log-tail.ts";
import { keyName } from "./key-name.ts";
import { type HeadRow, readTail } from "./log-rows.ts";
import type { WriterSession } from "./writer-session.ts";

/** What an instance knows of the log. */
export interface KnownLog {
  /** The newest head that is known to be durable. */
  readonly head: Head | undefined;
  /** The verifier key under which the log is signed; null of an empty one. */
  readonly vkey: string | null;
}

/**
 * Reads the log's tail and verifies it.
 * @param row the head as it was locked
 * @throws LogFault when the log does not end as it was written
 */
export async function verifiedTail(session: WriterSession, row: HeadRow, identity: LogIdentity, remembered?: Head) {
  openedHead(row, identity);
  const from = remembered?.size ?? 0;
  const tail = await readTail(session.ask, row, (count) => (from > count ? [] : consistencyTiles(from, count)));
  return verifyTail(tail, identity, remembered);
}

/** @throws LogFault when the row says another thing than its signed head */
export function openedHead({ size, root, checkpoint }: HeadRow, identity: LogIdentity): Head | undefined {
  const head = checkpoint === null ? undefined : openHead(checkpoint, identity);
  if (size !== (head?.size ?? 0) || (head !== undefined && !root.equals(head.root))) {
    throw new LogFault(`its head is not the one that its newest checkpoint speaks of. ${whatToDo}`);
  }
  return head;
}

/**
 * Who signs the log has written so into it at its start. When another instance has done that since, this one still has the
 * key of before, which may have been replaced because somebody else has it too.
 */
export function assertSameKey({ vkey }: HeadRow, known: KnownLog, { signer }: LogIdentity): void {
  if (vkey === known.vkey || vkey === signer.verifier) return;
  throw new LogFault(
    `another instance signs it with the key ${keyName(vkey)} now, and this one has ${keyName(signer.verifier)}. Start this one again with the new key (audit.signingKeyFile)`,
  );
}
