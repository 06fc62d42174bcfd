import type { ErrorRequestHandler, RequestHandler } from "express";
import type { Clock } from "../clock.ts";
import type { LockkeeperError } from "../errors.ts";
import { Pace } from "./pace.ts";
import { problemOf, sendProblem } from "./problem.ts";
import { notFound, translateRequestError } from "./request-error.ts";
import type { RequestLogger } from "./request-log.ts";

/** Whatever got this far has no operation. */
export const noOperation: RequestHandler = () => {
  throw notFound();
};

/** The one place where an error becomes a reply. What is the gateway's own fault is told to its operator in full. */
export function problemHandler(log: RequestLogger, clock: Pick<Clock, "sleep">): ErrorRequestHandler {
  const pace = new Pace(clock);
  // Express knows an error handler by its four parameters.
  return async (thrown: unknown, request, response, _next) => {
    const error = translateRequestError(thrown);
    if (error.code === "rate-limited") await pace.hold();
    const problem = problemOf(error);
    const requestId = String(response.getHeader("X-Request-Id"));
    if (problem.status >= 500) {
      // After a reply that does not match the contract, the change that was made must not go unseen.
      const location = response.getHeader("Location") ?? problem.headers["Location"];
      log.error({ requestId, code: error.code, location, err: error }, "request failed");
    }
    // Absent when the request failed before anything was known of it.
    const state: Partial<typeof request>["state"] = request.state;
    if (state !== undefined) state.refusal = refusal(error);
    if (response.headersSent) request.socket.destroy();
    else sendProblem(response, problem, requestId);
  };
}

/** The caller is not told why a key or a token does not hold; the operator is. */
function refusal({ code, cause }: LockkeeperError): string {
  return code === "unauthenticated" && cause instanceof Error ? `${code}: ${cause.message}` : code;
}
