import type { ServerResponse } from "node:http";
import type { Request, RequestHandler } from "express";
import type { Logger } from "pino";

/** Where request lines go; a pino logger is one. */
export type RequestLogger = Pick<Logger, "info" | "debug" | "warn" | "error">;

/** Operations that machines ask for all day long. */
const probes: ReadonlySet<string> = new Set(["livez", "readyz"]);

/**
 * Writes one line for each request when its reply is done or its caller is gone. By allowlist: nothing of the headers,
 * the body or the path gets in, because any of them can hold a secret in the wrong place.
 */
export function requestLog(log: RequestLogger): RequestHandler {
  function writeLine(this: ServerResponse & { req: Request }): void {
    const { method, state } = this.req;
    const { operation, principal, context, startedAt, refusal } = state;
    const line = {
      requestId: context.requestId,
      method,
      operation,
      status: this.statusCode,
      refusal,
      ms: Math.round((performance.now() - startedAt) * 100) / 100,
      ...(principal && { principal: principal.id, issuer: principal.issuer }),
      sourceIp: context.sourceIp,
      ...(!this.writableFinished && { aborted: true }),
    };
    if (operation !== undefined && probes.has(operation) && this.statusCode < 500) log.debug(line, "request");
    else log.info(line, "request");
  }
  return (_request, response, next) => {
    response.once("close", writeLine);
    next();
  };
}
