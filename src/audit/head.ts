import { formatCheckpoint, parseCheckpoint } from "../tlog/checkpoint.ts";
import { NoteError, openNote, signNote } from "../tlog/note.ts";
import { verifyConsistency } from "../tlog/proof.ts";
import type { LogIdentity } from "./log-keys.ts";

/** A signed head of the log. */
export interface Head {
  /** Records in the log. */
  readonly size: number;
  /** RFC 6962 root of their tree. */
  readonly root: Buffer;
  /** The C2SP checkpoint that says so, a signed note. */
  readonly checkpoint: string;
}

/**
 * What is found in the store is not the log that was written there. Trying again changes nothing; somebody has to look.
 * The message says what was seen, in a clause that can follow "the audit log cannot be used:".
 */
export class LogFault extends Error {
  override readonly name = "LogFault";
}

/** What to do about a log that is not the one that was written. */
export const whatToDo =
  "Stop Lockkeeper and look at the log with `lockkeeper audit verify`; then put the right one back, or go on in a new one with `lockkeeper audit recover`";

/** Tables in which each row belongs to a record: no operation can be the reason that one is there already. */
const LOG_TABLES: ReadonlySet<string | undefined> = new Set(["records", "nodes", "checkpoints"]);

/** @param table in which the next record's row is there already; undefined when that is not why a write has failed */
export function foreignRow(table: string | undefined): LogFault | undefined {
  if (!LOG_TABLES.has(table)) return undefined;
  return new LogFault(`its table ${table} has a row behind its newest head, which nobody has signed. ${whatToDo}`);
}

export function signHead({ origin, signer }: LogIdentity, size: number, root: Buffer): Head {
  return { size, root, checkpoint: signNote(formatCheckpoint({ origin, size, root }), [signer]) };
}

/**
 * A head as the store has it, and the verifier key under which it is signed.
 * @throws LogFault when it is not signed by a key that is trusted, or is of another log
 */
export function openHead(checkpoint: string, { origin, verifiers }: LogIdentity): Head & { readonly vkey: string } {
  try {
    const { text, verified } = openNote(checkpoint, verifiers);
    const head = parseCheckpoint(text);
    if (head.origin !== origin) throw new LogFault(`its newest head is of the log ${head.origin}, not of ${origin}`);
    return { size: head.size, root: head.root, checkpoint, vkey: verified.at(-1)?.vkey ?? "" };
  } catch (error) {
    if (!(error instanceof NoteError)) throw error;
    const known = new Set(verifiers.map(({ keyId }) => hexId(keyId)));
    const others = signersOf(checkpoint).filter(({ id }) => !known.has(id));
    if (others.length === 0) throw new LogFault(`its newest head cannot be believed: ${error.message}`);
    const names = others.map(({ name, id }) => `${name}+${id}`).join(", ");
    throw new LogFault(
      `its newest head is signed by a key that is not trusted here (${names}). If it is a former key of this log, put its public key, which begins so, into audit.formerKeys; if not, somebody else has written this log`,
    );
  }
}

/** The head that a writer remembers must be a prefix of the one that it finds. */
export interface Succession {
  readonly remembered: Head;
  readonly found: Head;
  /** RFC 6962 consistency proof of the two sizes, from the tree that is found. */
  consistency(from: number, to: number): readonly Uint8Array[];
}

/** @throws LogFault when the log has become smaller, or another one */
export function assertSuccession({ remembered, found, consistency }: Succession): void {
  if (found.size < remembered.size) {
    throw new LogFault(
      `it was rolled back: its newest head has ${found.size} records, and it had ${remembered.size} before. ${whatToDo}`,
    );
  }
  const proof = consistency(remembered.size, found.size);
  const [from, to] = [remembered, found];
  if (!verifyConsistency({ from: from.size, fromRoot: from.root, to: to.size, toRoot: to.root, proof })) {
    throw new LogFault(
      `it was exchanged for another: its head of ${found.size} records does not continue the one of ${remembered.size} that was written before. ${whatToDo}`,
    );
  }
}

/** Who says to have signed a note. */
function signersOf(note: string): { name: string; id: string }[] {
  return [...note.matchAll(/^— (\S{1,255}) ([A-Za-z0-9+/]{8})/gm)].map(([, name = "", start = ""]) => ({
    name,
    id: Buffer.from(start, "base64").subarray(0, 4).toString("hex"),
  }));
}

function hexId(keyId: number): string {
  return keyId.toString(16).padStart(8, "0");
}
