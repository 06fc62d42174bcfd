import type { Journal, Receipt, SeenSignature } from "../audit/journal.ts";
import { outcomeRecord, reconciledRecord } from "../audit/record.ts";
import type { Clock } from "../clock.ts";
import { LockkeeperError } from "../errors.ts";
import type { AuthorizedChange } from "../policy/pep.ts";
import type { ActiveCredentials } from "./active-credentials.ts";
import { beginChange, type Claims } from "./begin.ts";
import type { Change } from "./change.ts";
import type { ObservedStatus } from "./credential.ts";
import type { Iam } from "./iam-answers.ts";
import type { Outcome } from "./outcome.ts";
import { readBackUntil } from "./read-back.ts";
import { sendUpdate } from "./send.ts";
import { type StatusChange, statusChangeOf } from "./status-change.ts";

export interface ApplyOptions {
  readonly iam: Pick<Iam, "update" | "statusOf">;
  readonly journal: Pick<Journal, "begin" | "finish" | "recordsOf" | "healthy">;
  readonly clock: Clock;
  /** Milliseconds that the look at the previous status may take; the change goes ahead without it. */
  readonly readDeadlineMs: number;
  /** One for all changes of a gateway. */
  readonly active: ActiveCredentials;
  /** Told what became of each change that was to be sent, to count it; must not throw. */
  readonly onOutcome?: (change: Change, outcome: Outcome) => void;
}

/** Either what became of the change, or the id of the earlier one that the Idempotency-Key or the signature belongs to. */
export type Applied =
  | { readonly kind: "settled"; readonly state: StatusChange }
  | { readonly kind: "replay"; readonly id: string }
  | SeenSignature;

/**
 * Makes an allowed change: intent durable and credential locked, previous status read → IAM → outcome durable.
 * Nothing is sent unless the intent is on disk; everything is sent that policy allowed.
 * @throws LockkeeperError `audit-unavailable` (nothing was sent), `change-in-flight`, `idempotency-key-reused`,
 *   `outcome-unrecorded` (IAM may have been asked, and what came of it could not be written down)
 */
export async function applyChange(
  options: ApplyOptions,
  authorized: AuthorizedChange,
  claims: Claims = {},
): Promise<Applied> {
  authorized.take();
  try {
    return await whileActive(options, authorized, claims);
  } finally {
    authorized.release();
  }
}

async function whileActive(options: ApplyOptions, authorized: AuthorizedChange, claims: Claims): Promise<Applied> {
  const { credential } = authorized.change;
  // While nobody else changes this credential here, its status is before the lock what it is under it, and the look at
  // it need not wait for the disk. Otherwise, and while the log is in trouble, it waits for the lock.
  const alone = options.active.enter(credential);
  const early = alone && options.journal.healthy() ? observe(options, authorized) : undefined;
  try {
    return await lockAndSend(options, authorized, claims, early);
  } finally {
    options.active.leave(credential);
  }
}

async function lockAndSend(
  options: ApplyOptions,
  authorized: AuthorizedChange,
  claims: Claims,
  early: Promise<ObservedStatus | null> | undefined,
): Promise<Applied> {
  const begun = await beginChange(options, authorized, claims);
  if (begun.kind !== "started") return begun;

  const previousStatus = await (early ?? observe(options, authorized));
  const outcome = await sendUpdate(options, authorized);
  const settledAt = options.clock.now();
  options.onOutcome?.(authorized.change, outcome);
  const receipt = await recordOutcome(options, authorized, outcome, previousStatus, settledAt);

  const { change, decision, notAfter: deadline } = authorized;
  const state: StatusChange = { change, decision, previousStatus, outcome, settledAt, deadline, receipt };
  return { kind: "settled", state: outcome.name === "unknown" ? await readBack(options, state) : state };
}

/** An observation for the reply and the log. It never decides whether to send. */
async function observe(
  { iam, clock, readDeadlineMs }: ApplyOptions,
  { change, notAfter }: AuthorizedChange,
): Promise<ObservedStatus | null> {
  // At most a quarter of what is left: the change matters more than what was there before.
  const timeoutMs = Math.min(readDeadlineMs, (notAfter - clock.now()) / 4);
  if (timeoutMs <= 0) return null;
  try {
    return await iam.statusOf(change.credential, timeoutMs);
  } catch {
    // Whatever kept the look from succeeding, the change goes ahead. Nobody may be waiting for this promise any more.
    return null;
  }
}

async function recordOutcome(
  { journal }: ApplyOptions,
  { change, decision }: AuthorizedChange,
  outcome: Outcome,
  previousStatus: ObservedStatus | null,
  at: number,
): Promise<Receipt> {
  try {
    return await journal.finish(change.id, {
      record: outcomeRecord(change, decision, outcome, previousStatus, at),
      step: "outcome",
      outcome: outcome.name,
      release: outcome.name !== "unknown",
      freesKey: canBeTriedAgain(outcome),
      at,
    });
  } catch (cause) {
    throw new LockkeeperError(
      "outcome-unrecorded",
      `IAM may have been asked, and what came of it could not be written to the audit log. Look at the change ${change.id} and at the credential itself before asking again.`,
      { changeId: change.id },
      { cause },
    );
  }
}

/** What answers 503: nothing was done, and the caller is told to ask again, with the same Idempotency-Key. */
function canBeTriedAgain(outcome: Outcome): boolean {
  return outcome.name === "failed" && (outcome.how === "not-sent" || outcome.retryable === true);
}

/** After an unknown outcome: looks until the deadline, and says in the log what was seen. */
async function readBack(options: ApplyOptions, state: StatusChange): Promise<StatusChange> {
  const seen = await readBackUntil(options, state.change, state.previousStatus, state.deadline ?? 0);
  if (seen === undefined) return state;
  const at = options.clock.now();
  try {
    const record = reconciledRecord(state.change, seen, at);
    const receipt = await options.journal.finish(state.change.id, { record, step: "reconciled", release: true, at });
    if (receipt.appended) return { ...state, readBack: { ...seen, at }, receipt };
    // Somebody else has settled it meanwhile, perhaps otherwise: what the log says is what is told.
    return statusChangeOf(await options.journal.recordsOf(state.change.id), at) ?? state;
  } catch (error) {
    // What was seen is not in the log, so it is not claimed; the reconciliation looks again.
    if (error instanceof LockkeeperError) return state;
    throw error;
  }
}
