import { join } from "node:path";
import type { Store } from "./operation.ts";
import type { PostgresAddress } from "./postgres/address.ts";
import { openSqliteStore, type SqliteStoreOptions } from "./sqlite/store.ts";

/** Where a log is kept: in PostgreSQL if that is configured, else in a file of the data folder. */
export interface StorePlace {
  readonly dataDir: string;
  readonly postgres?: (PostgresAddress & { readonly schema: string }) | undefined;
}

/** The log's database in the data folder. */
export function databaseFile(dataDir: string): string {
  return join(dataDir, "lockkeeper.db");
}

/**
 * The store of the configured log.
 * @throws LockkeeperError as `openSqliteStore` and `openPostgresStore` say
 */
export async function openStore({ dataDir, postgres }: StorePlace, options: SqliteStoreOptions): Promise<Store> {
  if (postgres === undefined) return openSqliteStore(databaseFile(dataDir), options);
  // Whoever has no PostgreSQL does not wait at start for what speaks with it.
  const { openPostgresStore } = await import("./postgres/store.ts");
  return openPostgresStore({ ...postgres, ...options });
}
