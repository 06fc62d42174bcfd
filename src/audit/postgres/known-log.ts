import { consistencyTiles } from "../../tlog/proof.ts";
import { type Head, LogFault, openHead, whatToDo } from "../head.ts";
import type { LogIdentity } from "../log-keys.ts";
import { verifyTail } from "../log-tail.ts";
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
export function openedHead({ size, root, checkpoint, vkey }: HeadRow, identity: LogIdentity): Head | undefined {
  const head = checkpoint === null ? undefined : openHead(checkpoint, identity);
  if (size !== (head?.size ?? 0) || (head !== undefined && !root.equals(head.root))) {
    throw new LogFault(`its head is not the one that its newest checkpoint speaks of. ${whatToDo}`);
  }
  if (head !== undefined && head.vkey !== vkey) {
    throw new LogFault(`its newest head is not signed with the key that is said to have signed it. ${whatToDo}`);
  }
  return head;
}
