import { LockkeeperError } from "../errors.ts";

/**
 * The answer to every proof that does not hold: unknown, wrong, expired, revoked and malformed are told alike, so that
 * nobody learns which keys exist.
 * @param reason for the operator's log, as the error's cause. A fixed text: nothing of a token or key ever gets in here.
 */
export function unauthenticated(reason: string): LockkeeperError {
  return new LockkeeperError(
    "unauthenticated",
    "The API key, access token or AWS proof is not valid here: it is unknown, expired, revoked, malformed or meant for something else.",
    {},
    { cause: new Error(reason) },
  );
}

/** The answer to a request that brings no proof at all. */
export function credentialsMissing(): LockkeeperError {
  return new LockkeeperError(
    "unauthenticated",
    "Say who you are: send an API key or an access token as `Authorization: Bearer …`.",
  );
}

/** A source that has proofs enough on their way; whether this one holds, nobody has looked. */
export function tooManyProofs(): LockkeeperError {
  return new LockkeeperError(
    "rate-limited",
    "Too many AWS proofs from your address are being checked at once; ask again in a second.",
    { retryAfter: 1 },
  );
}

/** A caller whose proof may well hold is told that it could not be looked at, and nothing of why. */
export function authenticationUnavailable(cause: unknown): LockkeeperError {
  return new LockkeeperError(
    "authentication-unavailable",
    "What you sent cannot be checked now, because whoever vouches for it cannot be asked; ask again, or use an API key.",
    { retryAfter: 5 },
    { cause },
  );
}
