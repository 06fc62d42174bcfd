import type { RequestHandler } from "express";
import type { Authenticate } from "../authn/authenticate.ts";
import { LockkeeperError } from "../errors.ts";
import type { Limits } from "./limits.ts";
import type { Refusals } from "./refusals.ts";

export interface AuthenticationOptions {
  readonly authenticate: Authenticate;
  /** A failure is counted against its source, and against nobody who can prove who they are. */
  readonly limits: Pick<Limits, "failed">;
  readonly refusals: Pick<Refusals, "failedAuthentication" | "rateLimited">;
}

/** Nothing behind this runs without a principal. The body has not been read yet. */
export function authentication({ authenticate, limits, refusals }: AuthenticationOptions): RequestHandler {
  return async (request, response, next) => {
    const { state } = request;
    const { authorization } = request.headers;
    const { sourceIp } = state.context;
    try {
      state.principal = await authenticate({ authorization, sourceIp });
    } catch (error) {
      // Nobody has looked whether its proof holds, so it is no failed authentication.
      if (error instanceof LockkeeperError && error.code === "rate-limited") {
        refusals.rateLimited({ quota: "unverifiedProofs", sourceIp });
      }
      if (error instanceof LockkeeperError && error.code === "unauthenticated") {
        refusals.failedAuthentication(sourceIp);
        await limits.failed(sourceIp);
        response.setHeader(
          "WWW-Authenticate",
          authorization === undefined ? challenge : `${challenge}, error="invalid_token"`,
        );
      }
      throw error;
    }
    next();
  };
}

/** RFC 6750, section 3; without an error for somebody who did not know that authentication is needed. */
const challenge = 'Bearer realm="lockkeeper"';
