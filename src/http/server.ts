import { randomUUIDv7 } from "node:crypto";
import http, { type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import https from "node:https";
import type { Duplex } from "node:stream";
import { LockkeeperError } from "../errors.ts";
import { type Problem, problemOf, problemText } from "./problem.ts";

export interface ServerOptions {
  readonly app: RequestListener;
  /** PEM; without it the server speaks plain HTTP. */
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer };
  /** Which peers, by their address, it answers at all; by default every one. */
  readonly admits?: (address: string | undefined) => boolean;
  /** Those of every reply; the refusals that never reach the app carry them too. */
  readonly headers: ReadonlyMap<string, string>;
  /** Overrides of {@link timeouts}, for tests. */
  readonly timeouts?: Partial<typeof timeouts>;
}

/** Milliseconds. A slow sender gets its connection closed; Node looks at them every `connectionsCheckingInterval`. */
const timeouts = {
  headersTimeout: 10_000,
  requestTimeout: 15_000,
  /** Longer than the idle time of the usual load balancers (60 s), so that it is they who close. */
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 2_000,
};

/** The HTTP server around the app; it does not listen yet. */
export function createServer(options: ServerOptions): Server {
  const { app, tls, admits = () => true, headers, timeouts: overrides } = options;
  const settings = {
    ...timeouts,
    ...overrides,
    maxHeaderSize: 16 * 1024,
    // The app refuses a missing Host with a problem; Node would with an empty reply.
    requireHostHeader: false,
    noDelay: true,
  };
  const server =
    tls === undefined
      ? http.createServer(settings)
      : https.createServer({ ...settings, ...tls, minVersion: "TLSv1.2" });
  const latest = new WeakMap<Duplex, ServerResponse>();
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    latest.set(request.socket, response);
    if (!admits(request.socket.remoteAddress)) {
      request.socket.end(rawReply(wrongPeer, headers), () => request.socket.destroy());
      return;
    }
    app(request, response as Parameters<RequestListener>[1]);
  };
  server.on("request", listener);
  // An expectation other than 100-continue may be ignored (RFC 9110, 10.1.1); Node would answer 417 without a body.
  server.on("checkExpectation", listener);
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (error.code === "ECONNRESET" || !socket.writable || !isItsTurn(latest.get(socket), socket)) {
      socket.destroy();
      return;
    }
    socket.end(rawReply(problemForParserError(error.code), headers));
  });
  return server;
}

/**
 * Whether a reply written now would be taken as the reply to the broken request. While an earlier request of the same
 * connection still waits for its own, it would not: an applied change would look refused.
 */
function isItsTurn(last: ServerResponse | undefined, socket: Duplex): boolean {
  if (last === undefined || last.writableEnded) return true;
  return last.socket === socket && !last.headersSent && !last.req.complete;
}

interface WireProblem extends Problem {
  readonly reason: string;
}

function problemForParserError(code: string | undefined): WireProblem {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return wireProblem(431, "Request Header Fields Too Large", "The headers are over 16 KiB.");
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return wireProblem(408, "Request Timeout", "The request took too long to arrive.");
    case "HPE_CHUNK_EXTENSIONS_OVERFLOW":
      return wireProblem(413, "Content Too Large", "The body's chunk extensions are too long.");
    default:
      return wireProblem(400, "Bad Request", "This is not a well-formed HTTP/1.1 request.");
  }
}

const wrongPeer = wireProblem(
  421,
  "Misdirected Request",
  "Without TLS, this listener answers the configured proxies (trustedProxies) and its own machine only. Call it through the proxy.",
);

function wireProblem(status: number, reason: string, message: string): WireProblem {
  const { problem, ...rest } = problemOf({ code: "malformed-request", message, details: {} });
  return { ...rest, status, reason, problem: { ...problem, status } };
}

function rawReply(refusal: WireProblem, headers: ReadonlyMap<string, string>): Buffer {
  const requestId = randomUUIDv7();
  const body = Buffer.from(problemText(refusal, requestId));
  const lines = [
    `HTTP/1.1 ${refusal.status} ${refusal.reason}`,
    ...Array.from(headers, ([name, value]) => `${name}: ${value}`),
    `X-Request-Id: ${requestId}`,
    `Date: ${new Date().toUTCString()}`,
    "Content-Type: application/problem+json",
    `Content-Length: ${body.length}`,
    "Connection: close",
  ];
  return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`), body]);
}

/**
 * Starts listening. Resolves with the address that it got.
 * @throws LockkeeperError `configuration` when it cannot have it
 */
export function listen(server: Server, host: string, port: number): Promise<{ host: string; port: number }> {
  return new Promise((resolve, reject) => {
    const fail = (cause: NodeJS.ErrnoException) => {
      const why = cause.code === "EADDRINUSE" ? "another program listens there already" : cause.message;
      const message = `Cannot listen on ${host}, port ${port}: ${why}. Free it, or set another one (listen, LOCKKEEPER_LISTEN).`;
      reject(new LockkeeperError("configuration", message, {}, { cause }));
    };
    server.once("error", fail);
    server.listen(port, host, () => {
      server.off("error", fail);
      const address = server.address();
      if (address === null || typeof address === "string") reject(new Error("the server listens on no TCP port"));
      else resolve({ host: address.address, port: address.port });
    });
  });
}

/** How often connections that have become idle are looked for while the server stops. */
const SWEEP_MS = 20;

/** Stops taking connections, lets running requests finish for `graceMs`, then cuts the rest off. */
export async function drain(server: Server, graceMs: number): Promise<void> {
  // Node closes the connections that are idle now, but not those that become so: they would be kept alive.
  const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_MS);
  const cut = setTimeout(() => server.closeAllConnections(), graceMs);
  await new Promise((resolve) => server.close(resolve));
  clearInterval(sweep);
  clearTimeout(cut);
}

/** Where a server that {@link listen} has bound is reached. */
export function urlOf({ host, port }: { host: string; port: number }, tls: boolean): string {
  return `${tls ? "https" : "http"}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
