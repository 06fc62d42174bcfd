import type { Ask } from "./log-rows.ts";

/** Whose log it is, and which. */
export interface Settings {
  /** An AWS account, or `sandbox`. */
  readonly owner: string;
  readonly origin: string;
}

/**
 * The first instance says whose log a new schema is to be; every other one must find the same.
 * @param ask inside a transaction that holds the head
 * @throws Error when the log is another owner's, or another log
 */
export async function settle(ask: Ask, { owner, origin }: Settings): Promise<void> {
  const found = await readSettings(ask);
  if (found.owner === undefined && found.origin === undefined) {
    await ask("INSERT INTO settings (name, value) VALUES ('owner', $1), ('origin', $2)", [owner, origin]);
    return;
  }
  if (found.owner !== owner) {
    const [whose, mine] = [found.owner, owner].map((one) =>
      one === "sandbox" ? "the sandbox" : `the AWS account ${one}`,
    );
    throw new Error(
      `it belongs to ${whose}, and this Lockkeeper works for ${mine}. Give each a schema of its own (postgres.schema)`,
    );
  }
  if (found.origin !== origin) {
    throw new Error(
      `it is the log ${found.origin}, and this Lockkeeper is to write the log ${origin}. A log keeps its name: set audit.origin to ${found.origin}, or give the other log a schema of its own (postgres.schema)`,
    );
  }
}

async function readSettings(ask: Ask): Promise<Partial<Settings>> {
  const rows = await ask("SELECT name, value FROM settings", []);
  return Object.fromEntries(rows.map((row) => [String(row["name"]), String(row["value"])]));
}
