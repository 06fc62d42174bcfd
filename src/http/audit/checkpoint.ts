import type { RequestHandler } from "express";
import { LockkeeperError } from "../../errors.ts";
import type { TreeReads } from "./tree-reads.ts";

/** c2sp.org/tlog-tiles: it moves on with every record, so it is not to be kept for longer than a few seconds. */
const KEPT_BRIEFLY = "public, max-age=2";

/** `GET /v1/audit/checkpoint`: the newest signed head. */
export function getCheckpoint(reads: Pick<TreeReads, "head">): RequestHandler {
  return async (request, response) => {
    request.state.operation = "getCheckpoint";
    const head = await reads.head();
    if (head === undefined) throw new LockkeeperError("not-found", "The log is empty: it has no checkpoint yet.");
    response.setHeader("Cache-Control", KEPT_BRIEFLY);
    response.type("text/plain; charset=utf-8").send(head.checkpoint);
  };
}
