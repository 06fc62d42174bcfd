import { randomUUIDv7 } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { RequestHandler } from "express";
import type { Principal } from "../authn/principal.ts";
import type { Change, RequestContext } from "../changes/change.ts";
import type { Clock } from "../clock.ts";
import type { Decision } from "../policy/decision.ts";

/** What becomes known of a request on its way in. */
interface RequestState {
  /** The circumstances that policy and the audit log see. */
  readonly context: RequestContext;
  /** Monotonic milliseconds, for the log. */
  readonly startedAt: number;
  /** The contract's `operationId`, once it is known. */
  operation: string | undefined;
  /** The parameters in path and query, decoded, before the validator puts them into the contract's types. */
  asSent: Readonly<Record<string, unknown>>;
  /** Set by authentication and by nothing else. */
  principal: Principal | undefined;
  /** Why it was refused, for the log: an error code, and what more the operator may know. */
  refusal: string | undefined;
  /** What policy decided about a change, for the log. */
  decided: Decided | undefined;
}

interface Decided {
  /** A `what-if` was only asked: nothing was changed, and nobody was kept from it. */
  readonly event: "decision" | "what-if";
  readonly change: Change;
  readonly decision: Decision;
}

declare global {
  // Express has its request types extended so (@types/express-serve-static-core).
  namespace Express {
    interface Request {
      state: RequestState;
    }
  }
}

export interface TakeInOptions {
  readonly clock: Pick<Clock, "now">;
  /** The caller's address; through a trusted proxy, the one that it forwarded. */
  readonly sourceAddress: (request: IncomingMessage) => string;
  /** Set on every reply. */
  readonly headers: ReadonlyMap<string, string>;
}

/** Gives each request its id, which is never one that came along, and its reply the headers that all of them carry. */
export function takeIn({ clock, sourceAddress, headers }: TakeInOptions): RequestHandler {
  const common = new Map(headers);
  return (request, response, next) => {
    const requestId = randomUUIDv7();
    response.setHeaders(common);
    response.setHeader("X-Request-Id", requestId);
    request.state = {
      context: { receivedAt: clock.now(), sourceIp: sourceAddress(request), channel: "rest", requestId },
      startedAt: performance.now(),
      operation: undefined,
      asSent: {},
      principal: undefined,
      refusal: undefined,
      decided: undefined,
    };
    next();
  };
}
