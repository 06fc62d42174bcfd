import type { TileRef } from "../tlog/tile.ts";
import type {
  AuditRecord,
  Begun,
  ChangeFilter,
  ChangePage,
  Conclusion,
  Denial,
  Finished,
  Intent,
  LoggedRecord,
  OverdueChange,
  ProvenReceipt,
  Receipt,
  RecordFilter,
  RecordPage,
  ResealedAwsKey,
  SignedHead,
  StoredKey,
  StoredRecord,
} from "./journal.ts";

/** One write to the log, as plain data that can cross to another thread. Each is atomic within its batch. */
export type Operation =
  | ({ readonly kind: "begin" } & Omit<Intent, "notSent">)
  | { readonly kind: "finish"; readonly id: string; readonly conclusion: Conclusion }
  | ({ readonly kind: "deny" } & Denial)
  | { readonly kind: "note"; readonly record: AuditRecord }
  | { readonly kind: "add-api-key"; readonly key: StoredKey; readonly record: AuditRecord; readonly now: number }
  | { readonly kind: "revoke-api-key"; readonly id: string; readonly at: number; readonly record: AuditRecord }
  | { readonly kind: "reseal-aws-key"; readonly resealed: ResealedAwsKey; readonly record: AuditRecord }
  | {
      readonly kind: "lease";
      readonly name: string;
      readonly holder: string;
      readonly now: number;
      readonly ttlMs: number;
    }
  | { readonly kind: "end-lease"; readonly name: string; readonly holder: string };

/** What an operation comes back with, by its kind. */
export interface OperationResults {
  readonly begin: Begun;
  readonly finish: Finished;
  readonly deny: ProvenReceipt;
  readonly note: Receipt;
  readonly "add-api-key": "added" | "too-many";
  readonly "revoke-api-key": boolean;
  readonly "reseal-aws-key": boolean;
  readonly lease: boolean;
  readonly "end-lease": undefined;
}

export type OperationResult = OperationResults[Operation["kind"]];

/**
 * Why an operation did not come out: `refused`, it breaks a rule of the log and always will; `not-written`, the store
 * failed and it is certainly not in the log; `unknown`, the store failed and it may be; `poisoned`, it is certainly not
 * in the log, which is not the one that this store has written, and takes nothing until somebody has looked;
 * `key-replaced`, neither is it, and the log is as it should be, but this store's key is not its key any more.
 */
export type OperationFailure = "refused" | "not-written" | "unknown" | "poisoned" | "key-replaced";

/** How one operation of a batch came out. */
export type OperationOutcome =
  | { readonly ok: true; readonly result: OperationResult }
  | { readonly ok: false; readonly failure: OperationFailure; readonly message: string };

/** A question to the store. */
export type Query =
  | { readonly kind: "claimed"; readonly principal: string; readonly key: string; readonly now: number }
  | { readonly kind: "records-of"; readonly changeId: string }
  | { readonly kind: "overdue"; readonly before: number }
  | { readonly kind: "api-keys" }
  | { readonly kind: "proven"; readonly index: number }
  | { readonly kind: "records"; readonly filter: RecordFilter }
  | { readonly kind: "changes"; readonly filter: ChangeFilter }
  | { readonly kind: "head" }
  | { readonly kind: "consistency"; readonly from: number; readonly to: number }
  | { readonly kind: "tile"; readonly tile: TileRef }
  | { readonly kind: "unsettled"; readonly now: number };

export interface QueryResults {
  readonly claimed: { readonly id: string; readonly bodyHash: string } | undefined;
  readonly "records-of": readonly StoredRecord[];
  readonly overdue: readonly OverdueChange[];
  readonly "api-keys": readonly StoredKey[];
  readonly proven: (LoggedRecord & ProvenReceipt) | undefined;
  readonly records: RecordPage;
  readonly changes: ChangePage;
  readonly head: SignedHead | undefined;
  readonly consistency: readonly string[] | undefined;
  readonly tile: Uint8Array | undefined;
  readonly unsettled: number;
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
  /**
   * Looks, without writing, whether the log is still where it was and goes on from the head that this store remembers.
   * Rejects when it does not, or cannot be looked at; what poisons the store is remembered.
   */
  check(): Promise<void>;
  readonly failed: Promise<Error>;
  close(): Promise<void>;
}
