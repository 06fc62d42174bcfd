import type { RequestHandler } from "express";
import { LockkeeperError } from "../../errors.ts";
import { parseTilePath } from "../../tlog/tile.ts";
import type { TreeReads } from "./tree-reads.ts";

const PREFIX = "/v1/audit/";

/** c2sp.org/tlog-tiles: hashes in an append-only tree never change. */
const KEPT_FOR_GOOD = "public, max-age=31536000, immutable";

/** `GET /v1/audit/tile/{level}/{tile}`: hashes of the tree, as far as it goes by now. */
export function getTile(reads: Pick<TreeReads, "tile">): RequestHandler {
  return async (request, response) => {
    request.state.operation = "getTile";
    // The path as it came: only its one spelling leads to a tile.
    const tile = parseTilePath(request.path.slice(PREFIX.length));
    const hashes = tile && (await reads.tile(tile));
    if (hashes === undefined) {
      const message = tile === undefined ? noPath : notYet;
      throw new LockkeeperError("not-found", message);
    }
    response.setHeader("Cache-Control", KEPT_FOR_GOOD);
    response.type("application/octet-stream").send(Buffer.from(hashes.buffer, hashes.byteOffset, hashes.byteLength));
  };
}

const noPath = "There is no hash tile at this path; c2sp.org/tlog-tiles says how they are written.";
const notYet = "The log's tree has no such tile yet; its checkpoint says how large it is.";
