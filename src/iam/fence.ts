import { type ClientRequest, Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import { AwsCall, named } from "./call.ts";

/**
 * The last look before an update leaves. Between the decision to send and the first byte on the wire lie name
 * resolution, a queue for sockets, TCP and TLS; a process that was stopped in there (SIGSTOP, a paused machine) goes on
 * with whatever is ready, before any timer. So the request is held back until its connection stands, and whether it may
 * still be sent is asked in the same turn of the event loop in which it is written: nothing but a few instructions lie
 * between that and the system call. What could still happen there, AWS refuses minutes later: the signature is dated.
 */
declare module "node:http" {
  interface Agent {
    /** How a request comes to its agent, and the agent to its socket; missing in Node's type declarations. */
    addRequest(request: ClientRequest, options: object): void;
  }
}

/** HTTP connections that updates leave by in time, or not at all. */
export class FencedHttpAgent extends HttpAgent {
  override createConnection(...args: Parameters<HttpAgent["createConnection"]>): Duplex | null | undefined {
    return noticeReady(super.createConnection(...args));
  }

  override addRequest(request: ClientRequest, options: object): void {
    holdBack(request);
    super.addRequest(request, options);
  }
}

/** The same over TLS. */
export class FencedHttpsAgent extends HttpsAgent {
  override createConnection(...args: Parameters<HttpsAgent["createConnection"]>): Duplex | null | undefined {
    return noticeReady(super.createConnection(...args));
  }

  override addRequest(request: ClientRequest, options: object): void {
    holdBack(request);
    super.addRequest(request, options);
  }
}

/** Connections that carry what is written to them at once. */
const ready = new WeakSet<Duplex>();

function readyEvent(socket: Duplex): "secureConnect" | "connect" {
  return socket instanceof TLSSocket ? "secureConnect" : "connect";
}

function noticeReady(socket: Duplex | null | undefined): Duplex | null | undefined {
  socket?.once(readyEvent(socket), () => ready.add(socket));
  return socket;
}

/** Look-ups go as they are; an update waits for its connection, and for its call's last word. */
function holdBack(request: ClientRequest): void {
  const call = AwsCall.current();
  if (call?.changeId === undefined) return;
  call.hold();
  const release = () => {
    if (!call.release()) request.destroy(named("DeadlinePassed", "the deadline passed before the request was written"));
  };
  // Emitted right before the request is flushed into its socket.
  request.once("socket", (socket: Duplex) => {
    if (ready.has(socket)) return release();
    // What the request writes stays in the stream until the connection stands; destroyed, it is never written.
    socket.cork();
    socket.once(readyEvent(socket), () => {
      release();
      socket.uncork();
    });
  });
}
