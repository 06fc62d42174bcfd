import type { RequestHandler } from "express";
import type { Journal } from "../audit/journal.ts";
import { type Principal, principalKey } from "../authn/principal.ts";
import { statusChangeOf } from "../changes/status-change.ts";
import type { Clock } from "../clock.ts";
import { LockkeeperError } from "../errors.ts";
import { authorizeRead, type PepOptions } from "../policy/pep.ts";
import { type Call, operation } from "./operation.ts";
import { PAGE_SIZE, pageReply, urlWith } from "./page.ts";
import type { RequestLogger } from "./request-log.ts";
import { type Search, searchCursor, searchPosition } from "./search-cursor.ts";
import { deniedReadReply } from "./status-change-reply.ts";
import { statusChangeResource } from "./status-change-resource.ts";
import { timeRange } from "./time-range.ts";

export interface SearchStatusChangesOptions {
  readonly pep: PepOptions;
  readonly journal: Pick<Journal, "changes">;
  readonly clock: Pick<Clock, "now">;
  readonly log: Pick<RequestLogger, "error">;
  /** The AWS account, twelve digits. */
  readonly account: string;
}

type Query = Call<"searchStatusChanges">["query"];

/**
 * `GET /v1/status-changes`: the changes that fit, the newest first. Policy is asked about the search and not about each
 * change: it allows one in which nothing can be found that its caller must not see.
 */
export function searchStatusChanges({ pep, journal, clock, account, log }: SearchStatusChangesOptions): RequestHandler {
  return operation("searchStatusChanges")(async ({ query, principal, context }) => {
    const { user: userName, credentialType: type, credentialId, outcome, limit = PAGE_SIZE } = query;
    const range = timeRange(query);
    const requestedBy = requesterIn(query);
    const search = searchOf(query, principal);
    const before = query.cursor === undefined ? undefined : searchPosition(query.cursor, search);

    const authorization = await authorizeRead(pep, {
      action: "lockkeeper:SearchStatusChanges",
      principal,
      credential: {
        account,
        ...(type !== undefined && { type }),
        ...(credentialId !== undefined && { id: credentialId }),
        ...(userName !== undefined && { userName }),
      },
      ...(requestedBy && { search: { requestedBy } }),
      context,
    });
    if (!authorization.allowed) return deniedReadReply(authorization);

    const now = clock.now();
    const { changes, next } = await journal.changes({
      limit,
      now,
      ...range,
      ...(before !== undefined && { before }),
      ...(userName !== undefined && { userName }),
      ...(type !== undefined && { type }),
      ...(credentialId !== undefined && { credentialId }),
      ...(requestedBy && { principal: principalKey(requestedBy) }),
      ...(outcome !== undefined && { outcome }),
    });
    const states = changes.flatMap((records) => {
      try {
        return statusChangeOf(records, now) ?? [];
      } catch (err) {
        // Somebody has changed it; that is no reason to hide the changes around it.
        const index = records[0]?.index;
        log.error(
          { index, err },
          "a change cannot be read from the audit log: look at it with `lockkeeper audit verify`",
        );
        return [];
      }
    });
    const cursor = next === undefined ? undefined : searchCursor(next, search);
    const following = cursor && urlWith("/v1/status-changes", { ...query, limit, cursor });
    return pageReply(states.map(statusChangeResource), following);
  });
}

/** Everything by which two searches find different things. */
function searchOf(query: Query, searcher: Principal): Search {
  const { user, credentialType, credentialId, principal, principalIssuer, outcome, since, until } = query;
  const filters = [
    user?.toLowerCase(),
    credentialType,
    credentialId,
    principal,
    principalIssuer,
    outcome,
    since,
    until,
  ];
  return [principalKey(searcher), ...filters.map((filter) => filter ?? null)];
}

/** An id means nothing without its issuer: two issuers may know two different principals by it. */
function requesterIn({
  principal,
  principalIssuer,
}: Query): { readonly id: string; readonly issuer: string } | undefined {
  if (principal === undefined && principalIssuer === undefined) return undefined;
  if (principal !== undefined && principalIssuer !== undefined) return { id: principal, issuer: principalIssuer };
  const missing = principal === undefined ? "principal" : "principalIssuer";
  const faults = [{ at: `query ${missing}`, message: "is missing: principal and principalIssuer go together" }];
  throw new LockkeeperError("malformed-request", "The request has a fault; see errors.", { faults });
}
