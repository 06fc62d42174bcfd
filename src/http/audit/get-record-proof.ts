import type { RequestHandler } from "express";
import { authorizeAuditRead } from "../../policy/pep.ts";
import { proofText } from "../../tlog/tlog-proof.ts";
import { operation } from "../operation.ts";
import { deniedReadReply } from "../status-change-reply.ts";
import { type AuditReadOptions, provenRecord } from "./record.ts";

/** `GET /v1/audit/records/{index}/proof`: the proof as a file; c2sp.org/tlog-proof gives its ending. */
export function getRecordProof({ pep, journal }: AuditReadOptions<"proven">): RequestHandler {
  return operation("getRecordProof")(async ({ path: { index }, principal, context }) => {
    const what = { operation: "getRecordProof", query: { index } };
    const authorization = await authorizeAuditRead(pep, { principal, context }, what);
    if (!authorization.allowed) return deniedReadReply(authorization);

    const { proof } = await provenRecord(journal, index);
    const headers = { "Content-Disposition": `attachment; filename="${index}.tlog-proof"` };
    return { status: 200, body: proofText(proof), headers };
  });
}
