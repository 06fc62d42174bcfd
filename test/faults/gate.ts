import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import type { LogReader } from "../../src/audit/log-reader.ts";
import { verifyLog } from "../../src/audit/verify/verify-log.ts";

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
  const db = new DatabaseSync(database, { readOnly: true });
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

/** Leaf hashes of all records in a log, as hex, in order; read by somebody who opens the file. */
export function leafHashes(database: string): string[] {
  const db = new DatabaseSync(database, { readOnly: true });
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
