import type { ProofText } from "../tlog/tlog-proof.ts";
import type { Begun, Conclusion, Denial, Finished, Receipt } from "./journal.ts";
import type { LogBatch } from "./log-batch.ts";
import type { Operation, OperationOutcome } from "./operation.ts";
import type { Tables } from "./tables.ts";

type Begin = Extract<Operation, { kind: "begin" }>;
type Unproven = Receipt | Omit<Finished, "proof">;

/** How an operation of a batch came out, as long as the batch has no signed head to prove its receipt in. */
export type Draft = OperationOutcome | { readonly ok: true; readonly unproven: Unproven };

/** An operation that breaks a rule of the log; nothing was done of it. */
class Refused extends Error {}

/**
 * Runs the operations of a batch inside a transaction that the caller opens and commits.
 * @returns how each came out; one that breaks a rule leaves its neighbours alone
 * @throws whatever `tables` throws: then the whole transaction is to be given up
 */
export function runBatch(batch: readonly Operation[], tables: Tables, log: LogBatch): Draft[] {
  const operations = new Operations(tables, log);
  return batch.map((operation) => {
    try {
      return operations.run(operation);
    } catch (error) {
      if (error instanceof Refused) return { ok: false, failure: "refused", message: error.message };
      throw error;
    }
  });
}

/** Indexes of the records whose receipts still lack their proof. */
export function unproven(drafts: readonly Draft[]): number[] {
  return drafts.flatMap((draft) => ("unproven" in draft ? [draft.unproven.index] : []));
}

/** @param proofOf the proof of the record at an index */
export function withProofs(drafts: readonly Draft[], proofOf: (index: number) => ProofText): OperationOutcome[] {
  return drafts.map((draft) => {
    if (!("unproven" in draft)) return draft;
    return { ok: true, result: { ...draft.unproven, proof: proofOf(draft.unproven.index) } };
  });
}

/**
 * What the operations of the journal mean, once for every store. Everything that an operation checks it checks before it
 * writes.
 */
class Operations {
  readonly #tables: Tables;
  readonly #log: LogBatch;

  constructor(tables: Tables, log: LogBatch) {
    this.#tables = tables;
    this.#log = log;
  }

  run(operation: Operation): Draft {
    switch (operation.kind) {
      case "begin":
        return { ok: true, result: this.#begin(operation) };
      case "finish":
        return { ok: true, unproven: this.#finish(operation.id, operation.conclusion) };
      case "deny":
        return { ok: true, unproven: this.#deny(operation) };
      case "note":
        return { ok: true, result: this.#log.append(operation.record) };
      case "add-api-key": {
        const { key, record, now } = operation;
        if (this.#tables.liveKeysLike(key, now) >= 2) return { ok: true, result: "too-many" };
        this.#tables.addApiKey(key);
        this.#log.append(record);
        return { ok: true, result: "added" };
      }
      case "revoke-api-key": {
        const revoked = this.#tables.revokeApiKey(operation.id, operation.at);
        if (revoked) this.#log.append(operation.record);
        return { ok: true, result: revoked };
      }
      case "reseal-aws-key": {
        const resealed = this.#tables.resealAwsKey(operation.resealed);
        if (resealed) this.#log.append(operation.record);
        return { ok: true, result: resealed };
      }
      case "lease": {
        const { name, holder, now, ttlMs } = operation;
        return { ok: true, result: this.#tables.lease(name, holder, now, now + ttlMs) };
      }
      case "end-lease":
        this.#tables.dropLease(operation.name, operation.holder);
        return { ok: true, result: undefined };
    }
  }

  #begin({ record, change, idempotency, signature, now, supersedes }: Begin): Begun {
    const tables = this.#tables;
    if (signature !== undefined) {
      const seen = tables.signature(signature.digest, now);
      if (seen !== undefined) return { kind: "seen", id: seen.changeId, later: seen.later };
    }
    if (idempotency !== undefined) {
      const claim = tables.claim(change.principal, idempotency.key, now);
      if (claim !== undefined) {
        return { kind: claim.bodyHash === idempotency.bodyHash ? "replay" : "conflict", id: claim.changeId };
      }
    }
    this.#refuseKnown(change.id);
    const holder = tables.holder(change);
    if (holder !== undefined) {
      const { changeId: id, deadline } = holder;
      // The safe direction is never locked out, but it waits until nothing of the older change can be sent any more.
      const overtakes = change.status === "Inactive" && deadline < now && supersedes?.id === id;
      if (!overtakes) return { kind: "in-flight", id, deadline };
      tables.setReconciled(id, this.#log.append(supersedes.record).index, now);
      tables.release(id);
    }
    const receipt = this.#log.append(record);
    const { deadline } = change;
    tables.addChange({ change, deadline, outcome: null, firstIndex: receipt.index, settledAt: null });
    if (holder !== undefined) tables.setSuperseded(change.id, holder.changeId);
    tables.hold(change, change.id, deadline);
    if (idempotency !== undefined) {
      tables.dropExpiredClaims(now);
      tables.addClaim(change.principal, idempotency, change.id);
    }
    if (signature !== undefined) {
      tables.dropExpiredSignatures(now);
      tables.addSignature(signature, change.id);
    }
    return { kind: "started", receipt };
  }

  #finish(id: string, conclusion: Conclusion): Unproven {
    const tables = this.#tables;
    const change = tables.change(id);
    if (change === undefined) throw new Refused(`there is no change ${id} to finish`);
    // Each step once: a repeated outcome, or the second of two read-backs, finds the first one's record. An outcome that
    // comes after a read-back is kept beside it: the log holds what IAM answered, whatever was seen before.
    const earlier = conclusion.step === "outcome" ? change.outcomeIndex : change.reconciledIndex;
    if (earlier !== null) return this.#finished(earlier, conclusion.record.uid);
    const receipt = this.#log.append(conclusion.record);
    if (conclusion.step === "outcome") {
      tables.setOutcome(id, receipt.index, conclusion.outcome ?? null, conclusion.at);
    } else {
      tables.setReconciled(id, receipt.index, conclusion.at);
    }
    if (conclusion.release) tables.release(id);
    if (conclusion.freesKey === true) tables.dropClaimsOf(id);
    if (conclusion.outcome === "failed") this.#reopenSuperseded(change.supersededId);
    return { ...receipt, appended: true };
  }

  /**
   * A change that failed has settled nothing for the one whose place it took, so that one is to be read back after all,
   * unless its own end is known by now or another change holds the credential.
   */
  #reopenSuperseded(id: string | null): void {
    if (id === null) return;
    const change = this.#tables.change(id);
    if (change === undefined || change.outcome === "applied") return;
    if (change.outcome === "failed") this.#reopenSuperseded(change.supersededId);
    else if (this.#tables.holdAgain(id)) this.#tables.clearReconciled(id);
  }

  #deny({ record, change }: Denial): Unproven {
    this.#refuseKnown(change.id);
    const receipt = this.#log.append(record);
    const settledAt = change.requestedAt;
    this.#tables.addChange({ change, deadline: null, outcome: "denied", firstIndex: receipt.index, settledAt });
    return receipt;
  }

  #refuseKnown(changeId: string): void {
    if (this.#tables.change(changeId) !== undefined) throw new Refused(`there is a change ${changeId} already`);
  }

  /** A step that was there already; `appended` when it is the very same record, its first answer having been lost. */
  #finished(index: number, uid: string): Unproven {
    const record = this.#log.record(index) ?? this.#tables.record(index);
    if (record === undefined) throw new Error(`there is no record ${index}`);
    return { index, leafHash: record.leafHash, appended: record.uid === uid };
  }
}
