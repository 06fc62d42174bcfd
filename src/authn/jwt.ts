import { decodeJwt, errors, type JWTHeaderParameters, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from "jose";
import type { IssuerConfig } from "../config.ts";
import { LockkeeperError } from "../errors.ts";
import { principalOf } from "./claims.ts";
import { unauthenticated } from "./failure.ts";
import { createIssuerKeys, type IssuerKeysOptions } from "./issuer-keys.ts";
import type { Principal } from "./principal.ts";

export interface AccessTokenOptions extends IssuerKeysOptions {
  readonly issuers: readonly IssuerConfig[];
}

interface TrustedIssuer {
  readonly config: IssuerConfig;
  readonly keys: JWTVerifyGetKey;
}

/**
 * Proves a principal by a JWT access token (RFC 9068, RFC 8725). The token's `iss` only selects the issuer; what that
 * issuer's tokens must look like, and who has signed them, is the configuration's.
 *
 * @returns a function that throws LockkeeperError `unauthenticated`, or `authentication-unavailable` when the issuer's
 *   keys cannot be had
 */
export function createAccessTokenProof(options: AccessTokenOptions): (token: string) => Promise<Principal> {
  const { clock } = options;
  const trusted = new Map<string, TrustedIssuer>(
    options.issuers.map((config) => [config.issuer, { config, keys: createIssuerKeys(config.jwksUri, options) }]),
  );

  return async (token) => {
    const issuer = trusted.get(claimedIssuer(token));
    if (issuer === undefined) throw unauthenticated("not a token of a configured issuer");
    const { config, keys } = issuer;
    const { payload, protectedHeader } = await jwtVerify(token, keys, {
      issuer: config.issuer,
      audience: typeof config.audience === "string" ? config.audience : [...config.audience],
      algorithms: [...config.algorithms],
      ...(config.typ !== "any" && { typ: config.typ }),
      clockTolerance: config.clockToleranceSeconds,
      requiredClaims: ["exp"],
      currentDate: new Date(clock.now()),
    }).catch((error: unknown) => {
      throw error instanceof LockkeeperError ? error : unauthenticated(reasonOf(error));
    });
    if (config.typ === "any") refuseOtherTokens(protectedHeader, payload);
    // A token that is bound to its holder's key (RFC 7800) is worth nothing without a proof of that key.
    if (Object.hasOwn(payload, "cnf")) throw unauthenticated("a sender-constrained token came as a bearer token");
    return principalOf(payload, config);
  };
}

function claimedIssuer(token: string): string {
  try {
    const { iss } = decodeJwt(token);
    if (typeof iss === "string") return iss;
  } catch {
    // jose's errors can hold pieces of what it could not read.
  }
  throw unauthenticated("not a JWT with an issuer");
}

/** Types of tokens that an issuer may give to access tokens; an ID token has `JWT` or none as well (RFC 9068, section 1). */
const accessTokenTypes = /^(jwt|(application\/)?([a-z0-9.-]*-)?at\+jwt)$/i;

/** Claims that only ID tokens and logout tokens have (OpenID Connect Core 2 and 3, Back-Channel Logout 2.4). */
const otherTokensClaims = ["nonce", "at_hash", "c_hash", "s_hash", "events"];

/** Claims by which issuers say what a token is: Keycloak's `typ`, Cognito's `token_use`. */
const otherTokensMarks: readonly (readonly [claim: string, accessToken: readonly unknown[]])[] = [
  ["typ", ["Bearer", "at+jwt"]],
  ["token_use", ["access"]],
];

/** Where `typ` does not tell, whoever could log in to something at this issuer must not pass with the token of the login. */
function refuseOtherTokens({ typ }: JWTHeaderParameters, payload: JWTPayload): void {
  const typeFits = typ === undefined || accessTokenTypes.test(typ);
  const marksFit = otherTokensMarks.every(
    ([claim, marks]) => !Object.hasOwn(payload, claim) || marks.includes(payload[claim]),
  );
  if (typeFits && marksFit && !otherTokensClaims.some((claim) => Object.hasOwn(payload, claim))) return;
  throw unauthenticated("the token looks like another than an access token");
}

/** jose's errors carry the claims; their codes and the names of the claims are all that may go on. */
function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTClaimValidationFailed || error instanceof errors.JWTExpired) {
    return `${error.code} ${error.claim} ${error.reason}`;
  }
  return error instanceof errors.JOSEError ? error.code : "the token cannot be verified";
}
