import type {
  AuditRecord,
  Begun,
  Conclusion,
  Denial,
  Finished,
  Intent,
  OverdueChange,
  Receipt,
  StoredApiKey,
  StoredRecord,
} from "./journal.ts";

/** One write to the log, as plain data that can cross to another thread. Each is atomic within its batch. */
export type Operation =
  | ({ readonly kind: "begin" } & Omit<Intent, "notSent">)
  | { readonly kind: "finish"; readonly id: string; readonly conclusion: Conclusion }
  | ({ readonly kind: "deny" } & Denial)
  | { readonly kind: "note"; readonly record: AuditRecord }
  | { readonly kind: "add-api-key"; readonly key: StoredApiKey; readonly record: AuditRecord; readonly now: number }
  | { readonly kind: "revoke-api-key"; readonly id: string; readonly at: number; readonly record: AuditRecord };

/** What an operation comes back with, by its kind. */
export interface OperationResults {
  readonly begin: Begun;
  readonly finish: Finished;
  readonly deny: Receipt;
  readonly note: Receipt;
  readonly "add-api-key": "added" | "too-many";
  readonly "revoke-api-key": boolean;
}

export type OperationResult = OperationResults[Operation["kind"]];

/**
 * Why an operation did not come out: `refused`, it breaks a rule of the log and always will; `not-written`, the store
 * failed and it is certainly not in the log; `unknown`, the store failed and it may be.
 */
export type OperationFailure = "refused" | "not-written" | "unknown";

/** How one operation of a batch came out. */
export type OperationOutcome =
  | { readonly ok: true; readonly result: OperationResult }
  | { readonly ok: false; readonly failure: OperationFailure; readonly message: string };

/** A question to the store. */
export type Query =
  | { readonly kind: "claimed"; readonly principal: string; readonly key: string; readonly now: number }
  | { readonly kind: "records-of"; readonly changeId: string }
  | { readonly kind: "overdue"; readonly before: number }
  | { readonly kind: "api-keys" };

export interface QueryResults {
  readonly claimed: { readonly id: string; readonly bodyHash: string } | undefined;
  readonly "records-of": readonly StoredRecord[];
  readonly overdue: readonly OverdueChange[];
  readonly "api-keys": readonly StoredApiKey[];
}

export type QueryResult = QueryResults[Query["kind"]];

/**
 * Where a log is kept. `commit` makes one durable transaction of a batch and resolves when it is on disk; an empty
 * batch asks whether the store can write at all. Both reject when the store cannot be had, and then nothing is known of
 * what was asked. `failed` resolves when the store has died and never will answer again; it does not reject.
 */
export interface Store {
  commit(batch: readonly Operation[]): Promise<readonly OperationOutcome[]>;
  query<K extends Query["kind"]>(query: Extract<Query, { kind: K }>): Promise<QueryResults[K]>;
  readonly failed: Promise<Error>;
  close(): Promise<void>;
}
