import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";

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
