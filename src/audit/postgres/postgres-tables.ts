import type { OutcomeName } from "../../changes/outcome.ts";
import {
  type IdempotencyClaim,
  isAwsKey,
  type ResealedAwsKey,
  type SignatureClaim,
  type StoredKey,
} from "../journal.ts";
import type { ChangeProgress, NewChange, Place, Tables } from "../tables.ts";
import { Rows } from "./rows.ts";
import {
  type ApiKeyState,
  type Claim,
  type Holder,
  type Lease,
  type LoadedChange,
  placeKey,
  type SignedChange,
  userKey,
  type WorkingSet,
} from "./working-set.ts";

/** A change's row; with `asNew` it is not in the table so far. */
export type ChangeState = LoadedChange & { readonly asNew?: NewChange };

/** An operation breaks a rule of the tables, as by writing a row a second time, and always will. */
export class BrokenRule extends Error {
  override readonly name = "BrokenRule";
}

/** The tables from what was loaded of them for a batch; what is written waits for being flushed. */
export class PostgresTables implements Tables {
  readonly changes: Rows<ChangeState>;
  readonly holders: Rows<Holder>;
  readonly claims: Rows<Claim>;
  readonly signatures: Rows<SignedChange>;
  readonly apiKeys: Rows<ApiKeyState & { readonly asNew?: StoredKey }>;
  readonly leases: Rows<Lease>;
  /** Claims that have expired by then are to go. */
  expiredBy: number | undefined;
  /** The same of signatures. */
  signaturesExpiredBy: number | undefined;
  readonly #records: ReadonlyMap<number, { readonly uid: string; readonly leafHash: string }>;

  constructor(found: WorkingSet) {
    this.changes = new Rows<ChangeState>(found.changes, ({ id }) => id);
    this.holders = new Rows(found.holders, placeKey);
    this.claims = new Rows(found.claims, ({ principal, key }) => claimKey(principal, key));
    this.signatures = new Rows(found.signatures, ({ digest }) => digest);
    this.apiKeys = new Rows(found.apiKeys, ({ id }) => id);
    this.leases = new Rows(found.leases, ({ name }) => name);
    this.#records = new Map(found.records.map((record) => [record.index, record]));
  }

  claim(principal: string, key: string, now: number): { changeId: string; bodyHash: string } | undefined {
    const claim = this.claims.get(claimKey(principal, key));
    return claim !== undefined && claim.expiresAt > now ? claim : undefined;
  }

  addClaim(principal: string, { key, bodyHash, expiresAt }: IdempotencyClaim, changeId: string): void {
    this.claims.put({ principal, key, bodyHash, expiresAt, changeId });
  }

  dropClaimsOf(changeId: string): void {
    for (const claim of [...this.claims.values()]) {
      if (claim.changeId === changeId) this.claims.remove(claimKey(claim.principal, claim.key));
    }
  }

  dropExpiredClaims(now: number): void {
    this.expiredBy = Math.max(now, this.expiredBy ?? now);
  }

  signature(digest: string, now: number): { changeId: string; later: boolean } | undefined {
    const found = this.signatures.get(digest);
    if (found === undefined || found.expiresAt <= now) return undefined;
    return { changeId: found.changeId, later: found.later || this.#hasLater(found.changeId) };
  }

  addSignature({ digest, expiresAt }: SignatureClaim, changeId: string): void {
    this.signatures.put({ digest, expiresAt, changeId, later: false });
  }

  dropExpiredSignatures(now: number): void {
    this.signaturesExpiredBy = Math.max(now, this.signaturesExpiredBy ?? now);
  }

  holder(place: Place): Holder | undefined {
    return this.holders.get(placeKey({ ...place, userKey: userKey(place.userName) }));
  }

  hold({ account, type, userName, credentialId }: Place, changeId: string, deadline: number): void {
    this.holders.put({ account, type, userKey: userKey(userName), credentialId, changeId, deadline });
  }

  release(changeId: string): void {
    const key = placeKey(this.#known(changeId));
    if (this.holders.get(key)?.changeId === changeId) this.holders.remove(key);
  }

  holdAgain(changeId: string): boolean {
    const { account, type, userKey, credentialId, deadline } = this.#known(changeId);
    const holder = { account, type, userKey, credentialId, changeId, deadline: deadline ?? 0 };
    if (this.holders.get(placeKey(holder)) !== undefined) return false;
    this.holders.put(holder);
    return true;
  }

  change(id: string): ChangeProgress | undefined {
    return this.changes.get(id);
  }

  addChange(asNew: NewChange): void {
    const { id, account, type, userName, credentialId } = asNew.change;
    const { deadline, outcome, settledAt } = asNew;
    if (this.changes.get(id) !== undefined) throw new BrokenRule(`there is a change ${id} already`);
    const place = { account, type, userKey: userKey(userName), credentialId };
    const progress = { outcome, outcomeIndex: null, reconciledIndex: null, supersededId: null, settledAt };
    this.changes.put({ id, ...place, deadline, ...progress, asNew });
  }

  setOutcome(id: string, index: number, outcome: OutcomeName | null, at: number): void {
    this.changes.put({ ...this.#known(id), outcomeIndex: index, outcome, settledAt: at });
  }

  setReconciled(id: string, index: number, at: number): void {
    const change = this.#known(id);
    this.changes.put({ ...change, reconciledIndex: index, outcome: change.outcome ?? "unknown", settledAt: at });
  }

  clearReconciled(id: string): void {
    this.changes.put({ ...this.#known(id), reconciledIndex: null });
  }

  setSuperseded(id: string, supersededId: string): void {
    this.changes.put({ ...this.#known(id), supersededId });
  }

  record(index: number): { readonly uid: string; readonly leafHash: string } | undefined {
    return this.#records.get(index);
  }

  liveKeysLike(key: StoredKey, now: number): number {
    const isLive = (one: ApiKeyState) =>
      one.principal === key.principal && one.revokedAt === null && one.expiresAt > now;
    const isAlike = (one: ApiKeyState) => (one.sealedSecret !== null) === isAwsKey(key);
    return [...this.apiKeys.values()].filter((one) => isLive(one) && isAlike(one)).length;
  }

  addApiKey(asNew: StoredKey): void {
    const { id, principal, expiresAt, revokedAt } = asNew;
    if (this.apiKeys.get(id) !== undefined) throw new BrokenRule(`there is an API key ${id} already`);
    const { sealedSecret, sealedUnder } = isAwsKey(asNew) ? asNew : { sealedSecret: null, sealedUnder: null };
    this.apiKeys.put({ id, principal, expiresAt, revokedAt, sealedSecret, sealedUnder, asNew });
  }

  revokeApiKey(id: string, at: number): boolean {
    const key = this.apiKeys.get(id);
    if (key === undefined || key.revokedAt !== null) return false;
    this.apiKeys.put({ ...key, revokedAt: at, sealedSecret: key.sealedSecret === null ? null : "" });
    return true;
  }

  resealAwsKey({ id, replaces, sealedSecret, sealedUnder }: ResealedAwsKey): boolean {
    const key = this.apiKeys.get(id);
    if (key === undefined || key.revokedAt !== null || key.sealedSecret !== replaces) return false;
    this.apiKeys.put({ ...key, sealedSecret, sealedUnder });
    return true;
  }

  lease(name: string, holder: string, now: number, expiresAt: number): boolean {
    const lease = this.leases.get(name);
    if (lease !== undefined && lease.holder !== holder && lease.expiresAt > now) return false;
    this.leases.put({ name, holder, expiresAt });
    return true;
  }

  dropLease(name: string, holder: string): void {
    if (this.leases.get(name)?.holder === holder) this.leases.remove(name);
  }

  /** Whether a change of the same credential has begun after it in this batch. */
  #hasLater(changeId: string): boolean {
    const signed = this.changes.get(changeId);
    if (signed === undefined) return true;
    const place = placeKey(signed);
    const from = signed.asNew?.firstIndex ?? -1;
    return [...this.changes.values()].some(
      (one) =>
        one.asNew !== undefined &&
        one.asNew.firstIndex > from &&
        one.asNew.outcome !== "denied" &&
        placeKey(one) === place,
    );
  }

  #known(changeId: string): ChangeState {
    const change = this.changes.get(changeId);
    if (change === undefined) throw new Error(`change ${changeId} was not loaded for its batch`);
    return change;
  }
}

function claimKey(principal: string, key: string): string {
  return `${principal}\0${key}`;
}
