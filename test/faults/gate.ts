import type { ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { LogReader } from "../../src/audit/log-reader.ts";
import { verifyLog } from "../../src/audit/verify/verify-log.ts";
import type { Fault } from "../../src/sandbox/iam/faults.ts";
import { extraUser } from "../../src/sandbox/iam/seed.ts";
import { openToRead } from "../fixture/database.ts";

export const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

/** Asks for a change and returns the status and the body; a connection that breaks is null. */
export async function change(url: string, key: string, body: object): Promise<{ status: number; json: Json } | null> {
  try {
    const reply = await fetch(`${url}/v1/status-changes`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return { status: reply.status, json: (await reply.json()) as Json };
  } catch {
    return null;
  }
}

export type Json = Record<string, unknown>;

/** Event codes of every change in a log, read by somebody who opens the file. */
export function recordedSteps(database: string): Map<string, string[]> {
  const db = openToRead(database);
  const steps = new Map<string, string[]>();
  for (const row of db.prepare("SELECT correlation, body FROM records ORDER BY idx").iterate()) {
    const code = String(JSON.parse(String(row["body"])).metadata.event_code);
    const known = steps.get(String(row["correlation"]));
    if (known === undefined) steps.set(String(row["correlation"]), [code]);
    else known.push(code);
  }
  db.close();
  return steps;
}

/** The updates that the IAM stand-in has received. */
export async function receivedUpdates(iamUrl: string): Promise<{ changeId: string; applied: boolean }[]> {
  const reply = await fetch(`${iamUrl}/_sandbox/journal`);
  return ((await reply.json()) as { entries: { changeId: string; applied: boolean }[] }).entries;
}

/** The same, from the file to which the stand-in appends them before it answers. */
export function writtenUpdates(journalFile: string): { changeId: string; applied: boolean }[] {
  const lines = readFileSync(journalFile, "utf8").split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line));
}

/** Lets the IAM stand-in do something wrong at the next call that fits. */
export async function injectIntoIam(iamUrl: string, fault: Fault): Promise<void> {
  const headers = { "content-type": "application/json" };
  const reply = await fetch(`${iamUrl}/_sandbox/faults`, { method: "POST", headers, body: JSON.stringify(fault) });
  if (!reply.ok) throw new Error(await reply.text());
}

/** The access key of the n-th user for load tests, counted from 1. */
export function loadCredential(n: number) {
  const { userName, accessKeyId } = extraUser(n);
  return { type: "access-key", id: accessKeyId, userName };
}

/** Asks a program to end, and resolves when it has; one that does not within half a minute is killed. */
export async function stopped(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const patience = setTimeout(() => child.kill("SIGKILL"), 30_000);
  child.kill("SIGTERM");
  await ended;
  clearTimeout(patience);
}

/** Ends a program with SIGKILL and resolves when it has ended. */
export async function killed(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await ended;
}

/** Resolves when it is so; looks every few milliseconds, and gives up after a minute. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 60_000;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error("it did not come to that within a minute");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Ids (`metadata.uid`) of all records in a log. */
export function recordUids(database: string): Set<string> {
  const db = openToRead(database);
  try {
    return new Set(
      db
        .prepare("SELECT uid FROM records")
        .all()
        .map(({ uid }) => String(uid)),
    );
  } finally {
    db.close();
  }
}

/** Leaf hashes of all records in a log, as hex, in order; read by somebody who opens the file. */
export function leafHashes(database: string): string[] {
  const db = openToRead(database);
  try {
    const rows = db.prepare("SELECT idx, lower(hex(leaf_hash)) AS hash FROM records ORDER BY idx").all();
    return rows.map(({ idx, hash }, index) => (idx === index ? String(hash) : `out of place at ${index}`));
  } finally {
    db.close();
  }
}

/**
 * Verifies a log as `lockkeeper audit verify` does, against receipts that it gave.
 * @param receipts c2sp.org/tlog-proofs
 * @returns the first thing that is wrong; undefined of a sound log
 */
export async function verifiedLog(
  reader: LogReader,
  trustedKeys: readonly string[],
  receipts: readonly string[] = [],
): Promise<string | undefined> {
  const kept = receipts.map((text, number) => ({ name: `receipt ${number}`, text }));
  try {
    const { faults } = await verifyLog(reader, { trustedKeys, receipts: kept, now: Date.now() });
    return faults[0] && `${faults[0].kind}: ${faults[0].message}`;
  } finally {
    await reader.close();
  }
}
