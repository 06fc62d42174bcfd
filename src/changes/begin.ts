import type { Begun, IdempotencyClaim, Journal, SignatureClaim } from "../audit/journal.ts";
import { intentRecord, outcomeRecord, reconciledRecord } from "../audit/record.ts";
import { principalKey } from "../authn/principal.ts";
import type { Clock } from "../clock.ts";
import { LockkeeperError } from "../errors.ts";
import type { AuthorizedChange } from "../policy/pep.ts";
import { keyReused } from "./idempotency.ts";
import type { Outcome } from "./outcome.ts";
import { statusChangeOf } from "./status-change.ts";

export interface BeginOptions {
  readonly journal: Pick<Journal, "begin" | "recordsOf">;
  readonly clock: Pick<Clock, "now">;
}

/** What a request is known by when it comes again: it is bound to its change in the intent's own transaction. */
export interface Claims {
  readonly idempotency?: IdempotencyClaim | undefined;
  readonly signature?: SignatureClaim | undefined;
}

/**
 * Writes the intent of an allowed change and takes its credential's place: nothing is sent before that is durable. The
 * safe direction is never locked out: `Inactive` takes the place of a change that is overdue and of unknown outcome.
 * @throws LockkeeperError `audit-unavailable`, `change-in-flight`, `idempotency-key-reused`
 */
export async function beginChange(
  { journal, clock }: BeginOptions,
  { change, decision, input, notAfter }: AuthorizedChange,
  { idempotency, signature }: Claims,
): Promise<Extract<Begun, { kind: "started" | "replay" | "seen" }>> {
  const { type, id: credentialId, userName, account } = change.credential;
  const now = clock.now();
  const intent = {
    record: intentRecord(change, decision, input, notAfter, now),
    change: {
      id: change.id,
      principal: principalKey(change.principal),
      account,
      type,
      credentialId,
      userName,
      status: change.status,
      requestedAt: change.context.receivedAt,
      deadline: notAfter,
    },
    now,
    ...(idempotency && { idempotency }),
    ...(signature && { signature }),
    notSent: () => {
      const at = clock.now();
      const record = outcomeRecord(change, decision, logWasLate, null, at);
      return { record, step: "outcome", outcome: "failed", release: true, freesKey: true, at } as const;
    },
  };
  let begun = await journal.begin(intent);
  if (begun.kind === "in-flight" && isOverdue(begun, now) && change.status === "Inactive") {
    const older = statusChangeOf(await journal.recordsOf(begun.id), now)?.change;
    if (older !== undefined) {
      const superseded = { result: "superseded", observed: null, supersededBy: change.id } as const;
      const supersedes = { id: begun.id, record: reconciledRecord(older, superseded, now) };
      begun = await journal.begin({ ...intent, supersedes });
    }
  }
  if (begun.kind === "in-flight") throw inFlight(begun, now);
  if (begun.kind === "conflict") throw keyReused(begun.id);
  return begun;
}

const logWasLate: Outcome = {
  name: "failed",
  how: "not-sent",
  code: "AuditLogLate",
  message: "The intent became durable only after its deadline; nothing was sent to IAM.",
};

/**
 * How long after its deadline a change still counts as under way: a request that left in the last moment takes a while
 * to reach IAM, and the clock of the instance that sends it may be a little behind this one's.
 */
const LAST_MOMENT_MS = 2_000;

type InFlight = Extract<Begun, { kind: "in-flight" }>;

function isOverdue({ deadline }: InFlight, now: number): boolean {
  return deadline + LAST_MOMENT_MS < now;
}

function inFlight(earlier: InFlight, now: number): LockkeeperError {
  const { id, deadline } = earlier;
  const overdue = isOverdue(earlier, now);
  return new LockkeeperError(
    "change-in-flight",
    overdue
      ? `The outcome of an earlier change of this credential (${id}) is not known yet; switching it on waits until that is settled. Switching it off is possible now.`
      : `Another change of this credential (${id}) is in flight. Ask again when it has ended.`,
    { changeId: id, retryAfter: overdue ? 10 : Math.max(1, Math.ceil((deadline + LAST_MOMENT_MS - now) / 1000)) },
  );
}
