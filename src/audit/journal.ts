import type { CredentialType, Status } from "../changes/credential.ts";
import type { OutcomeName } from "../changes/outcome.ts";
import type { TileRef } from "../tlog/tile.ts";
import type { ProofText } from "../tlog/tlog-proof.ts";

/** One immutable event, ready to be stored: `body` is hashed and kept byte by byte and never serialised again. */
export interface AuditRecord {
  /**
   * UUIDv7 (`metadata.uid`). Each record is handed in once with a uid of its own; the log does not enforce that. By it a
   * write whose answer was lost is found again, and an outcome that is written a second time.
   */
  readonly uid: string;
  /** Joins decision, intent, outcome and reconciliation (`metadata.correlation_uid`): the change's id. */
  readonly correlation: string;
  /** `metadata.event_code`, and epoch milliseconds: what the body says, to search by. */
  readonly code: string;
  readonly time: number;
  /** An OCSF 1.8 API Activity event as JSON, at most 65,535 bytes of UTF-8. */
  readonly body: string;
}

/** Where a record stands in the log. */
export interface Receipt {
  readonly index: number;
  /** RFC 6962 leaf hash of the stored bytes, 64 hex digits. */
  readonly leafHash: string;
}

/** A receipt that proves itself to whoever has the log's public key. */
export interface ProvenReceipt extends Receipt {
  /** A c2sp.org/tlog-proof of the record in a signed head; its `extra` is the record's bytes. */
  readonly proof: ProofText;
}

/** What `finish` has done. */
export interface Finished extends ProvenReceipt {
  /** False when the change already had that step: the receipt is the earlier record's then, and nothing was added. */
  readonly appended: boolean;
}

/** A record as it was read back from the log. */
export interface StoredRecord extends Receipt {
  readonly body: string;
}

/** A record of the log whose body may have been pruned; its hash never is. */
export interface LoggedRecord extends Receipt {
  readonly body: string | null;
}

/** The newest head of the log, signed. */
export interface SignedHead {
  readonly origin: string;
  /** Records in the log. */
  readonly size: number;
  /** RFC 6962 root, 64 hex digits. */
  readonly root: string;
  /** The C2SP checkpoint, a signed note. */
  readonly checkpoint: string;
}

/** Which records to look for; all of it must hold. */
export interface RecordFilter {
  /** First index to look at. */
  readonly from: number;
  readonly limit: number;
  /** `metadata.event_code`. */
  readonly code?: string;
  /** `metadata.correlation_uid`: a change's id. */
  readonly correlation?: string;
  /** Epoch milliseconds of the record's time: not before, and before. */
  readonly since?: number;
  readonly until?: number;
}

/** `next` is where to go on; absent at the end of the log. A page may be empty and still have a next one. */
export interface RecordPage {
  readonly records: readonly LoggedRecord[];
  readonly next?: number;
}

/** Which changes to look for; all of it must hold. Newest first. */
export interface ChangeFilter {
  /** Index of a change's first record: only older ones. */
  readonly before?: number;
  readonly limit: number;
  /** Without case, as IAM compares them. */
  readonly userName?: string;
  readonly type?: CredentialType;
  readonly credentialId?: string;
  /** `principalKey()`. */
  readonly principal?: string;
  /** `pending`: no outcome yet, and its deadline is not over at `now`; after it that is `unknown`. */
  readonly outcome?: OutcomeName | "denied" | "pending";
  readonly since?: number;
  readonly until?: number;
  /** Epoch milliseconds. */
  readonly now: number;
}

export interface ChangePage {
  /** Each with its records in order. */
  readonly changes: readonly (readonly StoredRecord[])[];
  /** The `before` of the next page; absent when there is none. */
  readonly next?: number;
}

/** What the store keeps of a change beside its records, to lock, to search and to reconcile by. */
export interface ChangeRow {
  readonly id: string;
  /** `principalKey()` of the principal who asked. */
  readonly principal: string;
  readonly account: string;
  readonly type: CredentialType;
  readonly credentialId: string;
  readonly userName: string;
  readonly status: Status;
  /** Epoch milliseconds. */
  readonly requestedAt: number;
  /** Epoch milliseconds after which nothing of this change is sent any more. */
  readonly deadline: number;
}

/** An Idempotency-Key, bound to its principal in the intent's own transaction. */
export interface IdempotencyClaim {
  /** Not as it was sent: see `keptIdempotencyKey`. */
  readonly key: string;
  /** SHA-256 of what the caller asked for, hex. */
  readonly bodyHash: string;
  /** Epoch milliseconds until which the key is remembered. */
  readonly expiresAt: number;
}

/** What identifies a signed request, bound to its change in the intent's own transaction: nobody starts a second one with it. */
export interface SignatureClaim {
  /** SHA-256 of the signature, hex. */
  readonly digest: string;
  /** Epoch milliseconds until which it is remembered: longer than the signature is accepted. */
  readonly expiresAt: number;
}

export interface Intent {
  readonly record: AuditRecord;
  readonly change: ChangeRow;
  readonly idempotency?: IdempotencyClaim;
  readonly signature?: SignatureClaim;
  /** Epoch milliseconds; what counts as overdue is judged by it. */
  readonly now: number;
  /** The overdue change whose place this one takes, being `Inactive`, and the record that says so. */
  readonly supersedes?: { readonly id: string; readonly record: AuditRecord };
  /** Recorded when the intent turns out to be durable after its caller was told that the log could not take it. */
  notSent(): Conclusion;
}

/** How `begin` came out. Only `started` allows a request to IAM. */
export type Begun =
  | { readonly kind: "started"; readonly receipt: Receipt }
  | { readonly kind: "replay"; readonly id: string }
  | SeenSignature
  | { readonly kind: "in-flight"; readonly id: string; readonly deadline: number }
  | { readonly kind: "conflict"; readonly id: string };

/** The signature belongs to a change already, however that one ended. */
export interface SeenSignature {
  readonly kind: "seen";
  readonly id: string;
  /** Whether another change of the same credential has begun since: what became of this one says nothing any more then. */
  readonly later: boolean;
}

/** An outcome, or what a read-back found. */
export interface Conclusion {
  readonly record: AuditRecord;
  readonly step: "outcome" | "reconciled";
  /** Of an outcome; kept for search. */
  readonly outcome?: OutcomeName;
  /** Whether the credential is free for the next change. An unknown outcome keeps it until it is reconciled. */
  readonly release: boolean;
  /** The caller is told to ask again, so its Idempotency-Key is no longer bound to this change. Default false. */
  readonly freesKey?: boolean;
  /** Epoch milliseconds. */
  readonly at: number;
}

export interface Denial {
  readonly record: AuditRecord;
  readonly change: Omit<ChangeRow, "deadline">;
}

/** What is stored of a key that Lockkeeper has issued, whatever its form. Times are epoch milliseconds. */
interface IssuedKey {
  readonly id: string;
  /** `principalKey()`, by which two live keys of each form are counted. */
  readonly principal: string;
  /** The principal as JSON. */
  readonly principalJson: string;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly revokedAt: number | null;
}

/** An API key: of the secret only its SHA-256. */
export interface StoredApiKey extends IssuedKey {
  /** SHA-256 of the secret, hex. */
  readonly secretHash: string;
}

/** An AWS key pair; its id is the access key id. Signatures are verified with the secret itself, so it is kept encrypted. */
export interface StoredAwsKey extends IssuedKey {
  /** See `EncryptionKeys`; empty once the pair is revoked, so that nobody takes that back in the store. */
  readonly sealedSecret: string;
  /** Id of the key that it is encrypted under. */
  readonly sealedUnder: string;
}

export type StoredKey = StoredApiKey | StoredAwsKey;

export function isAwsKey(key: StoredKey): key is StoredAwsKey {
  return "sealedSecret" in key;
}

/** The same secret, encrypted under another key. */
export interface ResealedAwsKey {
  readonly id: string;
  /** The `sealedSecret` that it takes the place of. */
  readonly replaces: string;
  readonly sealedSecret: string;
  readonly sealedUnder: string;
}

/** An intent whose deadline has passed without a known end. */
export interface OverdueChange extends ChangeRow {
  /** The records so far: the intent, perhaps an unknown outcome. */
  readonly records: readonly StoredRecord[];
}

/**
 * The audit log together with what must never disagree with it: locks, idempotency and API keys. Each call is one
 * durable transaction; it resolves only when what it wrote is on disk.
 *
 * @throws LockkeeperError of writes `audit-unavailable` when the log cannot take it within its deadline or its queue is
 *   full: nothing is to be sent to IAM then; of reads `audit-unreadable`, which says nothing about what was written
 */
export interface Journal {
  begin(intent: Intent): Promise<Begun>;
  /**
   * Appends an outcome or a reconciliation, each once. An outcome that comes after the reconciliation stands in the log
   * beside it. When a change ends `failed` that had superseded another, that other one is overdue again.
   */
  finish(id: string, conclusion: Conclusion): Promise<Finished>;
  deny(denial: Denial): Promise<ProvenReceipt>;
  /** Anything else that is worth a record: reads, what-ifs, start and stop. */
  note(record: AuditRecord): Promise<Receipt>;
  /** Stores a key and its record; `too-many` when the principal already has two live ones of its form at `now`. */
  addApiKey(key: StoredKey, record: AuditRecord, now: number): Promise<"added" | "too-many">;
  /** Revokes a key of either form and records it; false when there is no such live key. */
  revokeApiKey(id: string, at: number, record: AuditRecord): Promise<boolean>;
  /** Exchanges an encrypted secret and records it; false when there is another one by now, as after a revocation. */
  resealAwsKey(resealed: ResealedAwsKey, record: AuditRecord): Promise<boolean>;

  /** The change already bound to this principal's key, if any. */
  claimed(
    principal: string,
    key: string,
    now: number,
  ): Promise<{ readonly id: string; readonly bodyHash: string } | undefined>;
  /** A change's records in order, intent or denial first; empty when there is no such change. */
  recordsOf(changeId: string): Promise<readonly StoredRecord[]>;
  /** Changes that hold their credential though their deadline passed before `before`, oldest first, at most 100. */
  overdue(before: number): Promise<readonly OverdueChange[]>;
  /** API keys and AWS key pairs, oldest first. */
  apiKeys(): Promise<readonly StoredKey[]>;
  /** One record and its proof in the newest tree (without `extra` when its body was pruned); undefined when there is none. */
  proven(index: number): Promise<(LoggedRecord & ProvenReceipt) | undefined>;
  records(filter: RecordFilter): Promise<RecordPage>;
  changes(filter: ChangeFilter): Promise<ChangePage>;
  /** Undefined while the log is empty. */
  head(): Promise<SignedHead | undefined>;
  /** RFC 6962 consistency proof, base64 hashes; undefined when the log is smaller than `to`. 0 <= from <= to. */
  consistency(from: number, to: number): Promise<readonly string[] | undefined>;
  /** The hashes of one tile one after another (c2sp.org/tlog-tiles); undefined when the log has not that many. */
  tile(tile: TileRef): Promise<Uint8Array | undefined>;
  /** Changes whose deadline passed before `now` and whose end is not known. */
  unsettled(now: number): Promise<number>;
  /**
   * Takes or keeps a lease for `ttlMs`: one holder at a time across all instances; the last one's ends by itself.
   * @returns whether `holder` has it now
   */
  lease(name: string, holder: string, now: number, ttlMs: number): Promise<boolean>;
  /** Gives up a lease, if `holder` has it. */
  endLease(name: string, holder: string): Promise<void>;
  /** Whether the log takes records now, as far as is known without asking the disk. */
  healthy(): boolean;
  /** Writes that wait for the store. */
  waiting(): number;
  /**
   * Resolves with the reason when the store has died under the journal: nothing can be read or written any more, and
   * its lock on the log is gone, so the service must end. Never rejects, and stays pending after an orderly `close`.
   */
  readonly failed: Promise<Error>;
  /** Writes what is queued, closes the store, gives up its lock. */
  close(): Promise<void>;
}
