import { credentialsMissing, unauthenticated } from "./failure.ts";
import type { Principal } from "./principal.ts";

/** The ways to prove who one is. Those that the configuration does not open are absent. */
export interface Proofs {
  /** Throws `unauthenticated`, or `audit-unreadable` when the keys cannot be had. */
  readonly apiKey?: (key: string) => Principal;
  /** Throws `unauthenticated`, or `authentication-unavailable` when an issuer's keys cannot be had. */
  readonly accessToken?: (token: string) => Promise<Principal>;
  /**
   * Throws `unauthenticated`, `rate-limited` when too many proofs of the source are being looked at, or
   * `authentication-unavailable` when AWS cannot be asked.
   */
  readonly callerIdentity?: (proof: string, sourceIp: string) => Promise<Principal>;
  /** The sandbox's well-known tokens; only its own start-up passes them in. */
  readonly sandboxTokens?: ReadonlyMap<string, Principal>;
}

interface AuthenticationRequest {
  /** As it was sent: hostile. */
  readonly authorization: string | undefined;
  /** The canonical address that it came from. */
  readonly sourceIp: string;
}

export type Authenticate = (request: AuthenticationRequest) => Promise<Principal>;

const MAX_TOKEN_LENGTH = 8_192;
const MAX_HEADER_LENGTH = "Bearer ".length + MAX_TOKEN_LENGTH;

/** RFC 6750, section 2.1, with the one blank that everybody sends; the scheme's case is free (RFC 9110, section 11.1). */
const bearer = /^bearer ([A-Za-z0-9\-._~+/]+=*)$/i;

/** Lockkeeper's own scheme: base64url of the headers of a request to AWS STS, which the caller has signed. */
const awsSts = /^aws-sts ([A-Za-z0-9_-]+)$/i;

/**
 * Finds out who is calling. The scheme and the token's shape say which kind of proof it is, so no kind is tried in another's place.
 *
 * @returns a function that throws LockkeeperError `unauthenticated`, or `audit-unreadable`, `rate-limited` and
 *   `authentication-unavailable` where that cannot be known; none of them holds any of what was sent
 */
export function createAuthenticator(proofs: Proofs): Authenticate {
  const { apiKey, accessToken, callerIdentity, sandboxTokens } = proofs;
  return async ({ authorization, sourceIp }) => {
    if (authorization === undefined) throw credentialsMissing();
    if (authorization.length > MAX_HEADER_LENGTH) throw unauthenticated("Authorization is too long");
    const stsProof = awsSts.exec(authorization)?.[1];
    if (stsProof !== undefined) {
      if (callerIdentity === undefined) throw unauthenticated("STS proofs are not accepted here");
      return callerIdentity(stsProof, sourceIp);
    }
    const token = bearerToken(authorization);
    if (token.startsWith("lk_")) {
      if (apiKey === undefined) throw unauthenticated("API keys are not accepted here");
      return apiKey(token);
    }
    const sandboxPrincipal = sandboxTokens?.get(token);
    if (sandboxPrincipal !== undefined) return sandboxPrincipal;
    if (accessToken === undefined)
      throw unauthenticated("not an API key, and no issuer of access tokens is configured");
    return accessToken(token);
  };
}

function bearerToken(authorization: string): string {
  const token = bearer.exec(authorization)?.[1];
  if (token === undefined) throw unauthenticated("Authorization is not `Bearer` and a token");
  return token;
}
