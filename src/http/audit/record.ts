import type { Journal, LoggedRecord, ProvenReceipt } from "../../audit/journal.ts";
import { LockkeeperError } from "../../errors.ts";
import { isJsonObject } from "../../json-object.ts";
import type { PepOptions } from "../../policy/pep.ts";
import type { components } from "../openapi.ts";
import type { RequestLogger } from "../request-log.ts";

/** What a read of the log needs. */
export interface AuditReadOptions<Method extends keyof Journal> {
  readonly pep: PepOptions;
  readonly journal: Pick<Journal, Method>;
  readonly log: Pick<RequestLogger, "error">;
}

/**
 * A record's body as JSON; null when it was pruned, or is no JSON object: then somebody has changed it, which the operator
 * is told, and which is no reason to hide the records around it.
 */
export function recordOf(
  log: Pick<RequestLogger, "error">,
  { index, body }: Pick<LoggedRecord, "index" | "body">,
): components["schemas"]["AuditRecord"] | null {
  if (body === null) return null;
  try {
    const record: unknown = JSON.parse(body);
    if (isJsonObject(record)) return { ...record };
  } catch {
    // Told below.
  }
  log.error({ index }, "a record of the audit log is no JSON object: look at the log with `lockkeeper audit verify`");
  return null;
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
