import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { isLoopbackHost } from "../../authn/ip-address.ts";
import type { HttpAnswer } from "../../aws/query-answer.ts";
import { type Clock, systemClock } from "../../clock.ts";
import { LockkeeperError } from "../../errors.ts";
import { type Controlled, control } from "./control.ts";
import { type Ending, Faults } from "./faults.ts";
import { UpdateJournal } from "./journal.ts";
import { sandboxAccount, seed } from "./seed.ts";
import { answerQuery, type StandIn } from "./stand-in.ts";
import { World } from "./world.ts";

export interface SandboxIamOptions {
  /** A loopback address; default 127.0.0.1. */
  readonly host?: string | undefined;
  /** Default 0: any that is free. */
  readonly port?: number | undefined;
  /** Every update is appended to this file (JSON Lines) before it is answered. */
  readonly journalFile?: string | undefined;
  /** How many users `load-0001`, … to add to the seed. */
  readonly extraUsers?: number | undefined;
  /** For the journal's times and for injected latency. */
  readonly clock?: Clock | undefined;
}

/** A running stand-in. Faults, users and the journal can be reached here, and from outside under `/_sandbox/`. */
export interface SandboxIam extends Omit<StandIn, "clock"> {
  /** For IAM and STS alike; no path. */
  readonly url: string;
  /** Ends all connections, answered or not. */
  close(): Promise<void>;
}

const MAX_BODY_BYTES = 65_536;

/**
 * Starts a stand-in for IAM and STS: the Query protocol over HTTP, as much of it as Lockkeeper and those who try it out
 * use, with IAM's own messages, and with faults on request.
 * @throws LockkeeperError `configuration` for a host that other machines could reach
 */
export async function startSandboxIam(options: SandboxIamOptions = {}): Promise<SandboxIam> {
  const { host = "127.0.0.1", port = 0, clock = systemClock, journalFile, extraUsers } = options;
  if (!isLoopbackHost(host)) throw notLoopback(host);
  const world = new World(sandboxAccount);
  seed(world, extraUsers);
  const faults = new Faults();
  const journal = new UpdateJournal(journalFile);
  const reset = () => {
    world.clear();
    seed(world, extraUsers);
    faults.clear();
    journal.clear();
  };
  const stand: StandIn = { world, faults, journal, clock, beforeAnswer: undefined };

  const server = createServer((request, response) => {
    handle(stand, { world, faults, journal, reset }, request, response).catch((error: unknown) => {
      const text = error instanceof Error ? error.message : String(error);
      send(response, {
        status: 500,
        headers: { "content-type": "text/plain" },
        body: `The stand-in failed: ${text}\n`,
      });
    });
  });
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => {
        journal.close();
        resolve();
      });
      server.closeAllConnections();
    });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  const bound = server.address() as AddressInfo;
  if (!isLoopbackHost(bound.address)) {
    await close();
    throw notLoopback(bound.address);
  }
  const url = `http://${bound.family === "IPv6" ? `[${bound.address}]` : bound.address}:${bound.port}`;
  return Object.assign(stand, { url, close });
}

async function handle(
  stand: StandIn,
  controlled: Controlled,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await readBody(request);
  if (body === undefined) return send(response, { status: 413, headers: { connection: "close" }, body: "" });
  const { method = "", url = "", headers } = request;
  if (url.startsWith("/_sandbox/")) {
    const answer = control(controlled, { method, path: url, contentType: headers["content-type"], body });
    const json = { "content-type": "application/json" };
    return send(response, { status: answer.status, headers: json, body: `${JSON.stringify(answer.body)}\n` });
  }
  end(request, response, await answerQuery(stand, method, headers, body));
}

function readBody(request: IncomingMessage): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    request.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length <= MAX_BODY_BYTES) chunks.push(chunk);
    });
    request.on("end", () => resolve(length <= MAX_BODY_BYTES ? Buffer.concat(chunks).toString() : undefined));
    request.on("error", reject);
  });
}

function end(request: IncomingMessage, response: ServerResponse, ending: Ending): void {
  if (ending === "silence") return;
  if (ending === "reset") {
    request.socket.resetAndDestroy();
  } else if ("cutOff" in ending) {
    const { status, headers, body } = ending.cutOff;
    response.writeHead(status, { ...headers, "content-length": Buffer.byteLength(body) });
    response.write(body.slice(0, body.length / 2), () => request.socket.destroy());
  } else {
    send(response, ending);
  }
}

function send(response: ServerResponse, { status, headers, body }: HttpAnswer): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, status === 204 ? headers : { ...headers, "content-length": Buffer.byteLength(body) });
  response.end(body);
}

function notLoopback(host: string): LockkeeperError {
  return new LockkeeperError(
    "configuration",
    `The IAM stand-in believes everybody, so it listens on this machine only: 127.0.0.1, ::1 or localhost, not ${host}.`,
  );
}
