import type { PrunableStore } from "../prune/prune.ts";
import { type CommandSessionOptions, openCommandSession } from "./command-session.ts";

/**
 * The log in a schema of PostgreSQL, to be pruned beside gateways, in the pruner's role: it can make bodies empty and drop
 * rows of changes, and nothing else. The server's autovacuum gives the space to new records.
 * @throws LockkeeperError `audit-unavailable` or `configuration`
 */
export async function openPostgresPruning(
  options: CommandSessionOptions,
): Promise<PrunableStore & { close(): Promise<void> }> {
  const { client, sql, close } = await openCommandSession(options, "pruner", "pruned");
  return {
    sql,
    close,
    async change(statements) {
      await client.query("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE");
      try {
        const changed: number[] = [];
        for (const statement of statements) changed.push((await client.query(statement)).rowCount ?? 0);
        await client.query("COMMIT");
        return changed;
      } catch (error) {
        await client.query("ROLLBACK");
        throw error;
      }
    },
  };
}
