import type { RequestHandler } from "express";
import type { IdempotencyClaim, Journal } from "../audit/journal.ts";
import { principalKey } from "../authn/principal.ts";
import { type ApplyOptions, applyChange } from "../changes/apply.ts";
import { buildChange, changeRequestHash } from "../changes/build.ts";
import type { Change } from "../changes/change.ts";
import { keptIdempotencyKey, keyReused } from "../changes/idempotency.ts";
import { type StatusChange, statusChangeOf } from "../changes/status-change.ts";
import type { Clock } from "../clock.ts";
import { LockkeeperError } from "../errors.ts";
import { authorizeChange, type PepOptions } from "../policy/pep.ts";
import { operation, type ReplyOf } from "./operation.ts";
import type { Problem } from "./problem.ts";
import { withProof, withReceiptOfIntent } from "./receipt-proof.ts";
import { deniedReply, statusChangeReply } from "./status-change-reply.ts";

export interface CreateStatusChangeOptions {
  readonly pep: PepOptions;
  readonly apply: ApplyOptions;
  readonly journal: Pick<Journal, "claimed" | "recordsOf" | "proven">;
  readonly clock: Pick<Clock, "now">;
  /** The AWS account, twelve digits. */
  readonly account: string;
  /** Milliseconds for which an Idempotency-Key is remembered. */
  readonly idempotencyTtlMs: number;
}

/** `POST /v1/status-changes`: one frozen change → policy → IAM, each with its record. */
export function createStatusChange(options: CreateStatusChangeOptions): RequestHandler {
  const { pep, apply, journal, clock, account } = options;
  return operation("createStatusChange")(async ({ body, idempotencyKey, principal, context, decided }) => {
    const change = buildChange(body, principal, context, account);
    const claim = idempotencyKey === undefined ? undefined : claimFor(options, change, idempotencyKey);
    const earlier = claim && (await earlierChange(options, change, claim));
    if (earlier !== undefined) return replay(statusChangeReply(earlier, clock.now()));

    const authorization = await authorizeChange(pep, change);
    decided("decision", change, authorization.decision);
    if (!authorization.allowed) return deniedReply({ change, ...authorization });

    const applied = await applyChange(apply, authorization.change, { idempotency: claim }).catch(
      async (error: unknown) => {
        throw await withReceiptOfIntent(journal, error);
      },
    );
    if (applied.kind === "settled") return statusChangeReply(await withProof(journal, applied.state), clock.now());
    return replay(statusChangeReply(await changeWithId(options, applied.id), clock.now()));
  });
}

function claimFor({ idempotencyTtlMs }: CreateStatusChangeOptions, change: Change, sent: string): IdempotencyClaim {
  const key = keptIdempotencyKey(sent);
  return { key, bodyHash: changeRequestHash(change), expiresAt: change.context.receivedAt + idempotencyTtlMs };
}

/** The change that this principal's key is bound to already. Policy is not asked again: nothing is going to happen. */
async function earlierChange(
  { journal, clock }: CreateStatusChangeOptions,
  { principal }: Change,
  { key, bodyHash }: IdempotencyClaim,
): Promise<StatusChange | undefined> {
  const bound = await journal.claimed(principalKey(principal), key, clock.now());
  if (bound === undefined) return undefined;
  if (bound.bodyHash !== bodyHash) throw keyReused(bound.id);
  return changeWithId({ journal, clock }, bound.id);
}

/** As it stands now, with its proof. */
async function changeWithId(
  { journal, clock }: Pick<CreateStatusChangeOptions, "journal" | "clock">,
  id: string,
): Promise<StatusChange> {
  const state = statusChangeOf(await journal.recordsOf(id), clock.now());
  if (state === undefined)
    throw new LockkeeperError("internal", `an Idempotency-Key names ${id}, which has no records`);
  return withProof(journal, state);
}

function replay<R extends ReplyOf<"createStatusChange"> | Problem>(reply: R): R {
  return { ...reply, headers: { ...reply.headers, "Idempotency-Replayed": "true" } };
}
