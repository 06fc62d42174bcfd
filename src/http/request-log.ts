import type { ServerResponse } from "node:http";
import type { Request, RequestHandler } from "express";
import type { Logger } from "pino";
import { credentialTypes } from "../changes/credential.ts";

/** Where request lines go; a pino logger is one. */
export type RequestLogger = Pick<Logger, "info" | "debug" | "warn" | "error">;

/** Operations that machines ask for all day long. */
const probes: ReadonlySet<string> = new Set(["livez", "readyz", "metrics"]);

/** A request whose reply is done, or whose caller is gone, as far as it is counted. */
export interface CountedRequest {
  /** The contract's `operationId`; undefined when the request got to none. */
  readonly operation: string | undefined;
  readonly status: number;
  readonly seconds: number;
}

/** A decision about a change as fields for machines. */
function decisionFields({ event, change, decision }: Decided): object {
  const { credential, status } = change;
  return {
    event,
    changeId: change.id,
    allow: decision.allow,
    reasons: decision.reasons.map(({ code }) => code),
    action: change.action,
    credential: credential.id,
    userName: credential.userName,
    wanted: status,
  };
}

/** The same for people. */
function sentence({ event, change, decision }: Decided): string {
  const { credential, principal, status } = change;
  const what = `${credentialTypes[credential.type].label} ${credential.id} of ${credential.userName} ${status}`;
  const codes = decision.reasons.map(({ code }) => code).join(", ");
  const answer = decision.allow ? "ALLOWED" : "DENIED ";
  return `${event === "what-if" ? "WHAT IF  " : ""}${answer}  ${principal.id}: ${what}  (${codes})`;
}

type Decided = NonNullable<Request["state"]["decided"]>;

/**
 * Writes one line for each request when its reply is done or its caller is gone. By allowlist: nothing of the headers,
 * the body or the path gets in, because any of them can hold a secret in the wrong place.
 * @param replied told of each request, to count it; must not throw
 */
export function requestLog(log: RequestLogger, replied: (request: CountedRequest) => void): RequestHandler {
  function writeLine(this: ServerResponse & { req: Request }): void {
    const { method, state } = this.req;
    const { operation, principal, context, startedAt, refusal, decided } = state;
    const ms = performance.now() - startedAt;
    replied({ operation, status: this.statusCode, seconds: ms / 1000 });
    const line = {
      ...(decided && decisionFields(decided)),
      requestId: context.requestId,
      method,
      operation,
      status: this.statusCode,
      refusal,
      ms: Math.round(ms * 100) / 100,
      ...(principal && { principal: principal.id, issuer: principal.issuer }),
      sourceIp: context.sourceIp,
      ...(!this.writableFinished && { aborted: true }),
    };
    if (operation !== undefined && probes.has(operation) && this.statusCode < 500) log.debug(line, "request");
    else log.info(line, decided === undefined ? "request" : sentence(decided));
  }
  return (_request, response, next) => {
    response.once("close", writeLine);
    next();
  };
}
