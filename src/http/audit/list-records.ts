import type { RequestHandler } from "express";
import { authorizeAuditRead } from "../../policy/pep.ts";
import { operation } from "../operation.ts";
import { given, PAGE_SIZE, pageReply, urlWith } from "../page.ts";
import { deniedReadReply } from "../status-change-reply.ts";
import { timeRange } from "../time-range.ts";
import { type AuditReadOptions, recordOf } from "./record.ts";

/** `GET /v1/audit/records`: records in their order, from an index on. */
export function listRecords({ pep, journal, log }: AuditReadOptions<"records">): RequestHandler {
  return operation("listRecords")(async ({ query, principal, context }) => {
    const { from = 0, limit = PAGE_SIZE, code, correlation } = query;
    const range = timeRange(query);
    const what = { operation: "listRecords", query: given({ ...query, from, limit }) };
    const authorization = await authorizeAuditRead(pep, { principal, context }, what);
    if (!authorization.allowed) return deniedReadReply(authorization);

    const { records, next } = await journal.records({
      from,
      limit,
      ...range,
      ...(code !== undefined && { code }),
      ...(correlation !== undefined && { correlation }),
    });
    const items = records.map((one) => ({ index: one.index, leafHash: one.leafHash, record: recordOf(log, one) }));
    return pageReply(
      items,
      next === undefined ? undefined : urlWith("/v1/audit/records", { ...query, limit, from: next }),
    );
  });
}
