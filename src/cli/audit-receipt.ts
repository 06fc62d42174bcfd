import { LockkeeperError } from "../errors.ts";
import { isJsonObject } from "../json-object.ts";
import { cosignedAt, parseCosigner } from "../tlog/cosignature.ts";
import { leafHash } from "../tlog/hash.ts";
import { NoteError, type NoteVerifier, parseVerifier } from "../tlog/note.ts";
import { parseProof, type VerifiedProof, verifyLeaf, verifyProof } from "../tlog/tlog-proof.ts";
import type { Output } from "./keys.ts";
import { printable } from "./printable.ts";
import { readBytes, readText } from "./read-file.ts";
import { at, parseRecord, recordLines, utc } from "./record-lines.ts";

/** The options of `audit receipt` as they were typed. */
export interface ReceiptArguments {
  /** Public keys of the log, and of witnesses. */
  readonly key?: readonly string[] | undefined;
  /** A file of them, one a line. */
  readonly keyFile?: string | undefined;
  /** A file with the record's bytes, for a receipt that does not carry them. */
  readonly record?: string | undefined;
  readonly json?: boolean | undefined;
}

/** What is in the file, before anything of it is believed. */
export interface ClaimedReceipt {
  readonly proof: string;
  /** What the JSON around it says. */
  readonly index?: unknown;
  readonly leafHash?: unknown;
  /** Of a reply: the change that it is about. */
  readonly changeId?: unknown;
}

/**
 * `lockkeeper audit receipt FILE`: whether a receipt holds, with the log's public key alone: neither the log nor the
 * network is asked. FILE is a `.tlog-proof`, or a reply of the REST API as it came.
 * @returns the exit code: 0 when the record is proven, 1 when it is not
 * @throws LockkeeperError with a sentence for the terminal when it cannot even be tried
 */
export function auditReceipt(output: Output, file: string, { key, keyFile, record, json }: ReceiptArguments): 0 | 1 {
  const verifiers = verifiersOf(key ?? [], keyFile);
  const entry = record === undefined ? undefined : readBytes(record);
  const text = readText(file);
  try {
    const claimed = claimedReceipt(text);
    const verified = proven(claimed, verifiers, entry);
    if (json === true) output.print(jsonOf(verified));
    else for (const line of linesOf(verified, claimed.proof)) output.print(line);
    return 0;
  } catch (error) {
    if (!(error instanceof NoteError)) throw error;
    if (json === true) output.print(JSON.stringify({ verified: false, reason: error.message }, undefined, 2));
    else output.note(`No record is proven. ${error.message}`);
    return 1;
  }
}

function proven(claimed: ClaimedReceipt, verifiers: readonly NoteVerifier[], entry?: Buffer): VerifiedProof {
  const proof = parseProof(claimed.proof);
  if (claimed.index !== undefined && claimed.index !== proof.index)
    throw new NoteError("Its index is not that of its proof.");
  if (entry === undefined && proof.extra === undefined) throw withoutRecord(claimed, verifiers);
  const verified = verifyProof(claimed.proof, { verifiers, entry: entry && withoutLastNewline(entry) });
  if (claimed.leafHash !== undefined && claimed.leafHash !== leafHash(verified.entry).toString("hex"))
    throw new NoteError("Its leafHash is not that of the record.");
  if (claimed.changeId !== undefined && claimed.changeId !== changeOf(verified.entry))
    throw new NoteError("It is the receipt of another change than the one that the reply around it is about.");
  return verified;
}

/** Says what a receipt without its record does prove, if anything. */
function withoutRecord({ proof, leafHash: leaf }: ClaimedReceipt, verifiers: readonly NoteVerifier[]): NoteError {
  const what = "It does not carry its record. Give the record's bytes with --record FILE.";
  if (typeof leaf !== "string" || !/^[0-9a-f]{64}$/.test(leaf)) return new NoteError(what);
  const { origin, index, size } = verifyLeaf(parseProof(proof), Buffer.from(leaf, "hex"), verifiers);
  return new NoteError(
    `It proves only that the leaf hash ${leaf} is at index ${index} of ${size} in ${origin}, not what is on record. ${what}`,
  );
}

/** A record has no newline; editors and shells put one behind it. */
function withoutLastNewline(entry: Buffer): Buffer {
  return entry.at(-1) === 0x0a ? entry.subarray(0, -1) : entry;
}

/** @throws NoteError when there is no proof in it */
export function claimedReceipt(text: string): ClaimedReceipt {
  if (!text.trimStart().startsWith("{")) return { proof: text };
  const reply = jsonObject(text);
  const receipt = isJsonObject(reply["receipt"]) ? reply["receipt"] : reply;
  if (typeof receipt["proof"] === "string")
    return {
      proof: receipt["proof"],
      index: receipt["index"],
      leafHash: receipt["leafHash"],
      changeId: changeIn(reply),
    };
  if (receipt["proof"] === null)
    throw new NoteError("It came without its proof, which could not be made then. Ask for the change again.");
  throw new NoteError("There is neither receipt.proof nor proof in this JSON.");
}

/** The change that a reply names: one that was made or asked for, or, in a problem, the one that was denied. */
function changeIn(reply: Readonly<Record<string, unknown>>): unknown {
  return isJsonObject(reply["receipt"]) ? (reply["statusChange"] ?? reply["id"]) : undefined;
}

function changeOf(entry: Uint8Array): unknown {
  return at(parseRecord(entry), "metadata", "correlation_uid");
}

function jsonObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (isJsonObject(value)) return value;
  } catch {
    // What is wrong with it would only repeat what is in the file.
  }
  throw new NoteError("It is neither a tlog-proof nor the JSON of a reply.");
}

function linesOf(verified: VerifiedProof, proof: string): string[] {
  const { origin, index, size, root, entry, signers } = verified;
  const { checkpoint } = parseProof(proof);
  const signed = signers.map((signer) => {
    const time = signer.name === origin ? "" : utc(cosignedAt(checkpoint, signer));
    return time === "" ? signer.vkey : `${signer.vkey} at ${time}`;
  });
  return [
    "The receipt holds: this record is in the log.",
    ...table([
      ["log", origin],
      ["index", `${index} of ${size}`],
      ["leaf hash", leafHash(entry).toString("hex")],
      ["root", root.toString("base64")],
      ...signed.map((vkey): [string, string] => ["signed by", vkey]),
      ...recordLines(entry),
    ]),
  ];
}

function jsonOf({ origin, index, size, root, entry, signers }: VerifiedProof): string {
  const proven = {
    verified: true,
    origin,
    index,
    size,
    root: root.toString("base64"),
    leafHash: leafHash(entry).toString("hex"),
    signedBy: signers.map(({ vkey }) => vkey),
    record: parseRecord(entry) ?? null,
    text: Buffer.from(entry).toString("utf8"),
  };
  return JSON.stringify(proven, undefined, 2);
}

function table(rows: readonly (readonly [string, string])[]): string[] {
  return rows.map(([name, value]) => `  ${name.padEnd(12)}${printable(value)}`);
}

function verifiersOf(keys: readonly string[], keyFile: string | undefined): NoteVerifier[] {
  const lines = keyFile === undefined ? [] : readText(keyFile).split(/\r?\n/);
  const all = [...keys, ...lines].filter((line) => line !== "");
  if (all.length === 0) {
    throw new LockkeeperError(
      "malformed-request",
      "Give the log's public key with --key or --key-file: lockkeeper audit key FILE prints it where the log is kept. Do not take it from whoever gave you the receipt.",
    );
  }
  return all.map((line, at) => {
    try {
      return verifierOf(line);
    } catch (cause) {
      if (!(cause instanceof NoteError)) throw cause;
      // No cause: somebody may have given a secret key.
      throw new LockkeeperError("malformed-request", `Key ${at + 1} of ${all.length} cannot be used: ${cause.message}`);
    }
  });
}

/** Of a log, or of a witness. */
function verifierOf(vkey: string): NoteVerifier {
  try {
    return parseCosigner(vkey);
  } catch {
    return parseVerifier(vkey);
  }
}
