import { Duplex } from "node:stream";
import type { SignedRequest } from "../../../src/aws/sigv4/signed-request.ts";
import { createServer } from "../../../src/http/server.ts";

/**
 * Parses raw HTTP/1.1 messages by the gateway's own server, over a connection without a network.
 * @returns the requests that arrived whole; none for what the server refuses itself
 */
export function createNodeParser(): (bytes: Buffer) => Promise<SignedRequest[]> {
  const arrived = new WeakMap<object, SignedRequest[]>();
  const server = createServer({
    headers: new Map(),
    app: (request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const { method = "", url: target = "", rawHeaders } = request;
        arrived
          .get(request.socket)
          ?.push({ method, target, headers: inPairs(rawHeaders), body: Buffer.concat(chunks) });
        response.end();
      });
    },
  });
  return (bytes) =>
    new Promise((resolve) => {
      const requests: SignedRequest[] = [];
      const socket = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
      arrived.set(socket, requests);
      socket.on("close", () => resolve(requests));
      server.emit("connection", socket);
      socket.push(bytes);
      socket.push(null);
    });
}

function inPairs(rawHeaders: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) pairs.push([rawHeaders[at] ?? "", rawHeaders[at + 1] ?? ""]);
  return pairs;
}
