import type { Journal, LoggedRecord, ProvenReceipt } from "../../audit/journal.ts";
import { LockkeeperError } from "../../errors.ts";
import type { PepOptions } from "../../policy/pep.ts";
import type { components } from "../openapi.ts";

/** What a read of the log needs. */
export interface AuditReadOptions<Method extends keyof Journal> {
  readonly pep: PepOptions;
  readonly journal: Pick<Journal, Method>;
}

/** A record's body as JSON; null when it was pruned. */
export function recordOf(body: string | null): components["schemas"]["AuditRecord"] | null {
  return body === null ? null : JSON.parse(body);
}

/** @throws LockkeeperError `not-found` when the log has no such record */
export async function provenRecord(
  journal: Pick<Journal, "proven">,
  index: number,
): Promise<LoggedRecord & ProvenReceipt> {
  const record = await journal.proven(index);
  if (record === undefined) throw new LockkeeperError("not-found", "The log has no record of this index yet.");
  return record;
}
