import type { KeptDecision } from "../audit/caller.ts";
import type { Receipt, StoredRecord } from "../audit/journal.ts";
import type { ChangeFacts } from "../audit/record.ts";
import { isJsonObject } from "../json-object.ts";
import type { ProofText } from "../tlog/tlog-proof.ts";
import type { Change, Channel } from "./change.ts";
import type { ObservedStatus, UpdateAction } from "./credential.ts";
import type { Outcome, ReadBack } from "./outcome.ts";

/** A status change as it stands: what was asked, what was decided, and as much of the end as is known. */
export interface StatusChange {
  readonly change: Change;
  readonly decision: KeptDecision;
  /** Seen in IAM's list just before the update; null when it could not be read. */
  readonly previousStatus: ObservedStatus | null;
  /** Absent while no outcome is recorded, and for a denial. */
  readonly outcome?: Outcome;
  /** Epoch milliseconds of the outcome or the denial. */
  readonly settledAt?: number;
  readonly readBack?: ReadBack & { readonly at: number };
  /** Epoch milliseconds after which nothing is sent any more; absent for a denial. */
  readonly deadline?: number;
  /** Of its newest record. */
  readonly receipt: ChangeReceipt;
}

/** With its proof (c2sp.org/tlog-proof) as far as that is known; null where it was asked for and could not be had. */
export interface ChangeReceipt extends Receipt {
  readonly proof?: ProofText | null;
}

/** Lockkeeper died between the intent and the outcome, or could not write it: what IAM did is not known. */
const outcomeLost: Outcome = {
  name: "unknown",
  code: "OutcomeLost",
  message: "No outcome was recorded by the change's deadline.",
};

/**
 * Tells a change from its records in the audit log, which are the only place where it is kept.
 * @param records of one change in order, the intent or the denial first
 * @param now epoch milliseconds: an intent without an outcome is pending until its deadline, and unknown after it
 * @returns undefined when there are none
 * @throws Error when they are not what Lockkeeper writes
 */
export function statusChangeOf(records: readonly StoredRecord[], now: number): StatusChange | undefined {
  const [first, ...rest] = records;
  const last = records.at(-1);
  if (first === undefined || last === undefined) return undefined;
  const opening = parse(first);
  const { decision, input, deadline } = opening.unmapped;
  const { credential } = input ?? {};
  if (decision === undefined || input?.change === undefined || !isWhole(credential)) {
    throw new Error(`audit record ${first.index} does not open a change`);
  }
  const { epochMs: receivedAt } = input.context.time;
  let state: StatusChange = {
    change: {
      id: opening.metadata.correlation_uid,
      action: input.action as UpdateAction,
      principal: input.principal,
      credential,
      status: input.change.status,
      ...(input.change.reason !== undefined && { reason: input.change.reason }),
      ...(input.change.ticket && { ticket: input.change.ticket }),
      ...(input.onBehalfOf && { onBehalfOf: input.onBehalfOf }),
      context: {
        receivedAt,
        sourceIp: input.context.sourceIp,
        channel: input.context.channel as Channel,
        requestId: input.context.requestId,
      },
    },
    decision,
    previousStatus: null,
    ...(deadline === undefined ? { settledAt: opening.time } : { deadline }),
    receipt: { index: last.index, leafHash: last.leafHash },
  };
  for (const record of rest) {
    const { time, unmapped } = parse(record);
    const { outcome, previousStatus, readBack } = unmapped;
    if (outcome) state = { ...state, outcome, previousStatus: previousStatus ?? null, settledAt: time };
    if (readBack) {
      state = { ...state, outcome: state.outcome ?? outcomeLost, readBack: { ...readBack, at: time }, settledAt: time };
    }
  }
  const overdue = state.outcome === undefined && state.deadline !== undefined && state.deadline < now;
  return overdue ? { ...state, outcome: outcomeLost } : state;
}

interface Parsed {
  readonly time: number;
  readonly metadata: { readonly correlation_uid: string };
  readonly unmapped: ChangeFacts;
}

/** The body is Lockkeeper's own writing, hashed into the log; only its outline is looked at again. */
function parse(record: StoredRecord): Parsed {
  const body: unknown = JSON.parse(record.body);
  if (
    !isJsonObject(body) ||
    !isJsonObject(body["unmapped"]) ||
    !isJsonObject(body["metadata"]) ||
    typeof body["time"] !== "number"
  ) {
    throw new Error(`audit record ${record.index} is not a record of a change`);
  }
  return body as unknown as Parsed;
}

function isWhole(credential: object | undefined): credential is Change["credential"] {
  return credential !== undefined && ["type", "id", "userName", "account"].every((name) => name in credential);
}
