import type { IncomingMessage } from "node:http";
import { LockkeeperError } from "../errors.ts";

/**
 * Reads a request's body whole. Bodies here are small, of one type and never compressed, all of which has been settled
 * before; for that, body-parser's general way (a stream reader, a character decoder, an async context of their own)
 * cost a fourteenth of a denied change.
 * @param maxBytes what is longer is refused as soon as that shows, and not read to its end
 * @throws LockkeeperError `payload-too-large`, or `malformed-request` when the body ends early
 */
export function readBytes(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const settle = () => {
      request.off("data", onData).off("end", onEnd).off("close", onClose).off("error", onClose);
    };
    const onData = (chunk: Buffer) => {
      length += chunk.length;
      if (length <= maxBytes) {
        chunks.push(chunk);
        return;
      }
      settle();
      // The rest is let go by unread, so that the refusal can be sent.
      request.resume();
      reject(new LockkeeperError("payload-too-large", `The body is over ${maxBytes / 1024} KiB.`));
    };
    const onEnd = () => {
      settle();
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks));
    };
    const onClose = () => {
      settle();
      reject(new LockkeeperError("malformed-request", "The body ended early."));
    };
    request.on("data", onData).on("end", onEnd).on("close", onClose).on("error", onClose);
  });
}
