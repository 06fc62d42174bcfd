import { assertBegun, identityUnder } from "../lineage.ts";
import type { LogIdentity, LogKeys } from "../log-keys.ts";
import type { Ask } from "./log-rows.ts";

/** Whose log a schema is to be, and who signs it. */
export interface Ownership {
  /** An AWS account, or `sandbox`. */
  readonly owner: string;
  readonly keys: LogKeys;
}

/**
 * Who the log in a schema is: the one that is configured, or the one that a recovery has opened in its place. The first
 * instance to open an empty schema says whose it is.
 * @param ask inside a transaction that holds the head
 * @throws Error when the log is another owner's, or another log; LogFault when it was emptied after a recovery
 */
export async function identityOf(ask: Ask, { owner, keys }: Ownership): Promise<LogIdentity> {
  const rows = await ask("SELECT name, value FROM settings", []);
  if (rows.length === 0) {
    await ask("INSERT INTO settings (name, value) VALUES ('owner', $1), ('origin', $2)", [owner, keys.origin]);
    return identityUnder(keys, keys.origin);
  }
  const settings = new Map(rows.map((row) => [row["name"], String(row["value"])]));
  const found = settings.get("owner");
  if (found !== owner) {
    const [whose, mine] = [found, owner].map((one) => (one === "sandbox" ? "the sandbox" : `the AWS account ${one}`));
    throw new Error(
      `it belongs to ${whose}, and this Lockkeeper works for ${mine}. Give each a schema of its own (postgres.schema)`,
    );
  }
  const identity = identityUnder(keys, settings.get("origin") ?? "");
  assertBegun(identity, keys, (await ask("SELECT 1 FROM records WHERE idx = 0", [])).length > 0);
  return identity;
}
