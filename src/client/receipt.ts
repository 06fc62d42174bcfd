import type { components } from "../http/openapi.ts";
import { isJsonObject } from "../json-object.ts";
import { leafHash } from "../tlog/hash.ts";
import { NoteError, parseVerifier } from "../tlog/note.ts";
import { type VerifiedProof, verifyProof } from "../tlog/tlog-proof.ts";

/** Where a record stands in the log, with the proof: of every change and every denial. */
export type Receipt = components["schemas"]["Receipt"];

export interface ReceiptOptions {
  /** Public keys of the log, the former ones too. Do not take them from whoever gave you the receipt. */
  readonly keys: readonly string[];
  /** The change that it must be about. */
  readonly changeId?: string | undefined;
  /** The record's bytes, for a receipt that does not carry them. */
  readonly record?: string | Uint8Array | undefined;
}

/** A record that is in the log. */
export interface ProvenRecord {
  /** Name of the log. */
  readonly origin: string;
  readonly index: number;
  /** Records in the log, when it signed. */
  readonly size: number;
  /** SHA-256, hex. */
  readonly leafHash: string;
  /** The signed root of the tree, base64. */
  readonly root: string;
  /** The change that the record is about; undefined when it is about none. */
  readonly changeId: string | undefined;
  /** The OCSF event. */
  readonly record: Readonly<Record<string, unknown>>;
}

/** The receipt proves nothing; the message says why. */
export class ReceiptError extends Error {
  override readonly name = "ReceiptError";
}

/**
 * Checks a receipt offline: that the log whose key is known has this record (c2sp.org/tlog-proof). Needs Node.js 20.12
 * or newer, and asks nobody.
 * @param receipt hostile
 * @throws ReceiptError saying why it proves nothing
 */
export function verifyReceipt(receipt: Receipt, { keys, changeId, record }: ReceiptOptions): ProvenRecord {
  if (typeof receipt.proof !== "string")
    throw new ReceiptError("It came without its proof; the change itself, when asked for, has it.");
  const verified = proven(receipt.proof, keys, typeof record === "string" ? new TextEncoder().encode(record) : record);
  const hash = leafHash(verified.entry).toString("hex");
  if (verified.index !== receipt.index || hash !== receipt.leafHash)
    throw new ReceiptError("Its index and leaf hash are not those of its proof.");
  const event = eventIn(verified.entry);
  const about = correlationOf(event);
  if (changeId !== undefined && about !== changeId) throw new ReceiptError("It is about another change.");
  const { origin, index, size, root } = verified;
  return { origin, index, size, leafHash: hash, root: root.toString("base64"), changeId: about, record: event };
}

function proven(proof: string, keys: readonly string[], entry: Uint8Array | undefined): VerifiedProof {
  try {
    return verifyProof(proof, { verifiers: keys.map(parseVerifier), entry });
  } catch (cause) {
    if (!(cause instanceof NoteError)) throw cause;
    throw new ReceiptError(cause.message, { cause });
  }
}

function eventIn(entry: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const event: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(entry));
    if (isJsonObject(event)) return event;
  } catch {
    // What is wrong with it would only repeat what is in it.
  }
  throw new ReceiptError("It is in the log, but it is no record of Lockkeeper's.");
}

function correlationOf({ metadata }: Readonly<Record<string, unknown>>): string | undefined {
  const about = isJsonObject(metadata) ? metadata["correlation_uid"] : undefined;
  return typeof about === "string" ? about : undefined;
}
