import type { Kept } from "../audit/verify/outside.ts";
import type { Verification } from "../audit/verify/verification.ts";
import { verifyLog } from "../audit/verify/verify-log.ts";
import type { Clock } from "../clock.ts";
import { LockkeeperError } from "../errors.ts";
import { parseCheckpoint } from "../tlog/checkpoint.ts";
import { NoteError, splitNote } from "../tlog/note.ts";
import { claimedReceipt } from "./audit-receipt.ts";
import type { Output } from "./keys.ts";
import { type KeyArguments, keysOfLineage, openLogSource, originFor, trustedKeysFor } from "./log-source.ts";
import { progress } from "./progress.ts";
import { readText } from "./read-file.ts";

/** The options of `audit verify` as they were typed. */
export interface VerifyArguments extends KeyArguments {
  /** Files with receipts and checkpoints that were kept outside. */
  readonly receipt?: readonly string[] | undefined;
  readonly checkpoint?: readonly string[] | undefined;
  /** Which log it must be; by default the one that the configuration names, if there is one. */
  readonly origin?: string | undefined;
  readonly json?: boolean | undefined;
}

/** Faults that are shown; the first is what matters. */
const SHOWN = 10;

/**
 * `lockkeeper audit verify [WHERE]`: verifies a live log, a copy of one, or an export, says what was checked and what is
 * wrong. Without a key it never says that a log is sound: then nobody's signature was judged.
 * @returns the exit code: 0 when the log is sound and signed by a trusted key, else 1
 * @throws LockkeeperError when it cannot even be tried
 */
export async function auditVerify(
  { clock, output }: { readonly clock: Pick<Clock, "now">; readonly output: Output },
  { receipt = [], checkpoint = [], json = false, ...source }: VerifyArguments,
): Promise<0 | 1> {
  // Read before the log is: a live log must have what was kept of it before.
  const receipts = receipt.map((file): Kept => ({ name: file, text: proofIn(file) }));
  const checkpoints = checkpoint.map((file): Kept => ({ name: file, text: readText(file) }));
  const keys = trustedKeysFor(source);
  const reader = await openLogSource(source);
  try {
    const newest = originOf((await reader.head())?.note);
    const trustedKeys = keysOfLineage(keys, newest);
    const origin = originFor(source, newest);
    const onProgress = progress("verified", { clock, output });
    const found = await verifyLog(reader, { trustedKeys, origin, receipts, checkpoints, onProgress, now: clock.now() });
    const sound = found.faultCount === 0 && found.signaturesJudged;
    if (json) output.print(JSON.stringify({ sound, log: reader.name, ...found }, undefined, 2));
    else for (const line of report(reader.name, found)) output.print(line);
    if (!found.signaturesJudged) {
      for (const line of notJudged(await reader.keys())) output.note(line);
    }
    return sound ? 0 : 1;
  } finally {
    await reader.close();
  }
}

function report(name: string, found: Verification): string[] {
  const { checked, open, origin, size, root, keys } = found;
  const rows: (readonly [string, string])[] = [
    ["log", origin ?? "without a signed head"],
    ["records", `${checked.records} of ${size}; ${checked.bodies} bodies hashed, ${checked.pruned} pruned`],
    ["tree", `${checked.nodes} stored hashes compared; root ${root ?? "not known, since a record is missing"}`],
    ["heads", `${checked.heads} read, the roots of ${checked.roots} compared`],
    ...keys.map(
      (key) => ["signed by", `${key.vkey}: ${key.heads} heads, of ${key.first} to ${key.last} records`] as const,
    ),
    ["changes", `${checked.changes} begun; ${checked.outcomes} outcomes, ${checked.readBacks} read-backs`],
    ["denials", String(checked.denials)],
    ["open", openChanges(open)],
    ["outside", `${checked.receipts} receipts and ${checked.checkpoints} checkpoints compared`],
  ];
  const lines = [name, ...rows.map(([title, value]) => `  ${title.padEnd(10)}${value}`)];
  const [first, ...others] = found.faults;
  if (first === undefined) return found.signaturesJudged ? [...lines, "sound: nothing is wrong"] : lines;
  const more = found.faultCount - SHOWN;
  return [
    ...lines,
    `WRONG, first ${at(first)}`,
    ...others.slice(0, SHOWN - 1).map((fault) => `       then  ${at(fault)}`),
    ...(more > 0 ? [`       and ${more} more`] : []),
  ];
}

function at({ index, kind, message }: Verification["faults"][number]): string {
  return index === null ? `${message} [${kind}]` : `at index ${index}: ${message} [${kind}]`;
}

function openChanges({ count, overdue, first }: Verification["open"]): string {
  if (count === 0) return "no change without an end";
  return `${count} without an end so far, the first at index ${first}; ${overdue} of them overdue`;
}

function notJudged(keys: readonly string[]): string[] {
  return [
    "No key was given, so nobody's signature was judged: whoever can write to the log can have written all of it anew.",
    "Give its public key with --key or --key-file; where the log is kept, lockkeeper audit key FILE prints it.",
    ...keys.map(
      (vkey) => `By its own account it is signed with ${vkey}: believe that only when you know it from elsewhere.`,
    ),
  ];
}

/** The proof in a `.tlog-proof`, or in a reply of the REST API. */
function proofIn(file: string): string {
  try {
    return claimedReceipt(readText(file)).proof;
  } catch (cause) {
    if (!(cause instanceof NoteError)) throw cause;
    throw new LockkeeperError("malformed-request", `${file}: ${cause.message}`, {}, { cause });
  }
}

/** What a head says of itself, before it is verified. */
function originOf(note: string | undefined): string | undefined {
  try {
    return note === undefined ? undefined : parseCheckpoint(splitNote(note).text).origin;
  } catch (error) {
    if (error instanceof NoteError) return undefined;
    throw error;
  }
}
