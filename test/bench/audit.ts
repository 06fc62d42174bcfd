import { auditAppend } from "./audit-append.ts";
import { auditMillion } from "./audit-million.ts";
import { auditPostgres } from "./audit-postgres.ts";

/** The audit log: appending to SQLite and to PostgreSQL, and what a large log costs. */
export async function audit(): Promise<void> {
  await auditAppend();
  await auditPostgres();
  await auditMillion();
}
