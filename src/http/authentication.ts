import type { RequestHandler } from "express";
import type { Principal } from "../authn/principal.ts";
import { LockkeeperError } from "../errors.ts";

export interface AuthenticationOptions {
  /** Throws LockkeeperError `unauthenticated`. */
  readonly authenticate: (request: { readonly authorization: string | undefined }) => Promise<Principal>;
  /** Counts a failure against its source; throws LockkeeperError `rate-limited` when there were too many. */
  readonly failed: (sourceIp: string) => Promise<void>;
}

/** Nothing behind this runs without a principal. The body has not been read yet. */
export function authentication({ authenticate, failed }: AuthenticationOptions): RequestHandler {
  return async (request, response, next) => {
    const { state } = request;
    const { authorization } = request.headers;
    try {
      state.principal = await authenticate({ authorization });
    } catch (error) {
      if (error instanceof LockkeeperError && error.code === "unauthenticated") {
        await failed(state.context.sourceIp);
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
