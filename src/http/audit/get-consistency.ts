import type { RequestHandler } from "express";
import { LockkeeperError } from "../../errors.ts";
import { authorizeAuditRead } from "../../policy/pep.ts";
import { operation } from "../operation.ts";
import { deniedReadReply } from "../status-change-reply.ts";
import type { AuditReadOptions } from "./record.ts";

/** `GET /v1/audit/consistency`: that the tree of one size is the beginning of that of another. */
export function getConsistency({ pep, journal }: AuditReadOptions<"consistency">): RequestHandler {
  return operation("getConsistency")(async ({ query: { from, to }, principal, context }) => {
    if (from > to) {
      const faults = [{ at: "query from", message: "must not be greater than to" }];
      throw new LockkeeperError("malformed-request", "The request has a fault; see errors.", { faults });
    }
    const what = { operation: "getConsistency", query: { from, to } };
    const authorization = await authorizeAuditRead(pep, { principal, context }, what);
    if (!authorization.allowed) return deniedReadReply(authorization);

    const proof = await journal.consistency(from, to);
    if (proof === undefined) throw new LockkeeperError("not-found", "The log has fewer records than that yet.");
    return { status: 200, body: { from, to, proof: [...proof] } };
  });
}
