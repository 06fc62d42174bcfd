import type { RequestHandler } from "express";
import type { Journal } from "../audit/journal.ts";
import { principalKey } from "../authn/principal.ts";
import { statusChangeOf } from "../changes/status-change.ts";
import type { Clock } from "../clock.ts";
import { LockkeeperError } from "../errors.ts";
import { authorizeRead, type PepOptions } from "../policy/pep.ts";
import { operation } from "./operation.ts";
import { withoutRecord, withProof } from "./receipt-proof.ts";
import { deniedReadReply } from "./status-change-reply.ts";
import { statusChangeResource } from "./status-change-resource.ts";

export interface GetStatusChangeOptions {
  readonly pep: PepOptions;
  readonly journal: Pick<Journal, "recordsOf" | "proven">;
  readonly clock: Pick<Clock, "now">;
}

/** `GET /v1/status-changes/{id}`: the change as the audit log has it now. */
export function getStatusChange({ pep, journal, clock }: GetStatusChangeOptions): RequestHandler {
  return operation("getStatusChange")(async ({ path, principal, context }) => {
    const state = statusChangeOf(await journal.recordsOf(path.id), clock.now());
    if (state === undefined)
      throw new LockkeeperError("not-found", "There is no status change with this id, or its records were pruned.");
    const { credential, status, ticket, principal: requester } = state.change;
    const authorization = await authorizeRead(pep, {
      action: "lockkeeper:ReadStatusChange",
      principal,
      credential,
      change: { status, ...(ticket && { ticket }), requestedBy: { id: requester.id, issuer: requester.issuer } },
      context,
    });
    if (!authorization.allowed) return deniedReadReply(authorization);
    const proven = await withProof(journal, state);
    const isRequester = principalKey(requester) === principalKey(principal);
    return { status: 200, body: statusChangeResource(isRequester ? proven : withoutRecord(proven)) };
  });
}
