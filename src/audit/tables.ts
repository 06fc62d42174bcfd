import type { OutcomeName } from "../changes/outcome.ts";
import type { ChangeRow, IdempotencyClaim, ResealedAwsKey, SignatureClaim, StoredKey } from "./journal.ts";

/** What a change holds while it is under way. */
export type Place = Pick<ChangeRow, "account" | "type" | "userName" | "credentialId">;

/** How far a change has come. Indexes are those of its records. */
export interface ChangeProgress {
  readonly outcome: OutcomeName | "denied" | null;
  readonly outcomeIndex: number | null;
  readonly reconciledIndex: number | null;
  /** The change whose place this one took. */
  readonly supersededId: string | null;
}

export interface NewChange {
  readonly change: Omit<ChangeRow, "deadline">;
  /** Null for a denial. */
  readonly deadline: number | null;
  readonly outcome: "denied" | null;
  readonly firstIndex: number;
  /** Epoch milliseconds; of a denial. */
  readonly settledAt: number | null;
}

/**
 * What must never disagree with the log, as one transaction sees it and writes it. Synchronous: SQLite answers at once,
 * PostgreSQL from what it has loaded for the batch. User names compare without case.
 */
export interface Tables {
  /** The live claim on a principal's Idempotency-Key. */
  claim(
    principal: string,
    key: string,
    now: number,
  ): { readonly changeId: string; readonly bodyHash: string } | undefined;
  addClaim(principal: string, claim: IdempotencyClaim, changeId: string): void;
  dropClaimsOf(changeId: string): void;
  dropExpiredClaims(now: number): void;

  /**
   * The change that a signature which is still remembered belongs to, and whether a later one of its credential, no
   * denial, is in the log. It is bound for good: a change that came to nothing does not make its request good again.
   */
  signature(digest: string, now: number): { readonly changeId: string; readonly later: boolean } | undefined;
  addSignature(signature: SignatureClaim, changeId: string): void;
  dropExpiredSignatures(now: number): void;

  holder(place: Place): { readonly changeId: string; readonly deadline: number } | undefined;
  hold(place: Place, changeId: string, deadline: number): void;
  /** A change that has ended holds nothing. */
  release(changeId: string): void;
  /** Gives a change its place back, unless another change holds it. @returns whether it has it now */
  holdAgain(changeId: string): boolean;

  change(id: string): ChangeProgress | undefined;
  addChange(change: NewChange): void;
  /** @param outcome null when the conclusion names none */
  setOutcome(id: string, index: number, outcome: OutcomeName | null, at: number): void;
  /** An outcome that is not there by then is `unknown`. */
  setReconciled(id: string, index: number, at: number): void;
  clearReconciled(id: string): void;
  setSuperseded(id: string, supersededId: string): void;

  /** Of a record that is in the log already. */
  record(index: number): { readonly uid: string; readonly leafHash: string } | undefined;

  /** How many live keys its principal has of the same form. */
  liveKeysLike(key: StoredKey, now: number): number;
  addApiKey(key: StoredKey): void;
  /** Of a key pair its encrypted secret goes too. @returns false when there is no such key, or it was revoked before */
  revokeApiKey(id: string, at: number): boolean;
  /** @returns false when there is no such key pair with the secret to be replaced */
  resealAwsKey(resealed: ResealedAwsKey): boolean;

  /** @returns whether `holder` has the lease now: nobody else has one that is good after `now` */
  lease(name: string, holder: string, now: number, expiresAt: number): boolean;
  /** Gives up a lease, if it is this holder's. */
  dropLease(name: string, holder: string): void;
}
