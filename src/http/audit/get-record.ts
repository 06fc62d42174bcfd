import type { RequestHandler } from "express";
import { authorizeAuditRead } from "../../policy/pep.ts";
import { proofText } from "../../tlog/tlog-proof.ts";
import { operation } from "../operation.ts";
import { deniedReadReply } from "../status-change-reply.ts";
import { type AuditReadOptions, provenRecord, recordOf } from "./record.ts";

/** `GET /v1/audit/records/{index}`: one record, the bytes that were hashed, and the proof that they are in the log. */
export function getRecord({ pep, journal, log }: AuditReadOptions<"proven">): RequestHandler {
  return operation("getRecord")(async ({ path: { index }, principal, context }) => {
    const what = { operation: "getRecord", query: { index } };
    const authorization = await authorizeAuditRead(pep, { principal, context }, what);
    if (!authorization.allowed) return deniedReadReply(authorization);

    const { leafHash, body, proof } = await provenRecord(journal, index);
    return {
      status: 200,
      body: { index, leafHash, record: recordOf(log, { index, body }), text: body, proof: proofText(proof) },
    };
  });
}
