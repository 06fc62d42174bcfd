import {
  createRemoteJWKSet,
  customFetch,
  errors,
  type FetchImplementation,
  type JWKSCacheInput,
  type JWTVerifyGetKey,
  jwksCache,
} from "jose";
import type { Clock } from "../clock.ts";
import { authenticationUnavailable } from "./failure.ts";

const FETCH_TIMEOUT_MS = 3_000;
/** A key that an issuer takes out of its set is accepted for this long at most, while the issuer can be reached. */
const REFRESH_AFTER_MS = 10 * 60_000;
/** And for this long when it cannot: an identity provider that is down must not keep a credential switched on. */
const STALE_AFTER_MS = 60 * 60_000;
/** Between two looks for a key that is not in the set, so that made-up key ids cannot make this gateway flood the issuer. */
const COOLDOWN_MS = 30_000;
/** After a failed look. */
const RETRY_AFTER_MS = 5_000;

export interface IssuerKeysOptions {
  readonly clock: Pick<Clock, "now">;
  readonly fetch?: FetchImplementation;
  /** Told of each failed attempt to have the issuer's keys. */
  readonly onFailure?: (jwksUri: string, error: unknown) => void;
}

/**
 * The public keys of an issuer, from its JWKS endpoint, kept and renewed.
 *
 * @returns a function that throws jose's `JWKSNoMatchingKey` or `JWKSMultipleMatchingKeys` for a token that names no key
 *   of the set, and LockkeeperError `authentication-unavailable` when the set cannot be had
 */
export function createIssuerKeys(
  jwksUri: string,
  { clock, fetch = globalThis.fetch, onFailure }: IssuerKeysOptions,
): JWTVerifyGetKey {
  // jose notes here when it last had the keys (`uat`, by the machine's clock).
  const loaded: JWKSCacheInput = {};
  let failure: { readonly error: unknown; readonly until: number } | undefined;

  const keys = createRemoteJWKSet(new URL(jwksUri), {
    timeoutDuration: FETCH_TIMEOUT_MS,
    cooldownDuration: COOLDOWN_MS,
    cacheMaxAge: STALE_AFTER_MS,
    [jwksCache]: loaded,
    [customFetch]: async (url, init) => {
      // jose itself would ask again for every token while the endpoint is down.
      if (failure !== undefined && clock.now() < failure.until) throw failure.error;
      return fetch(url, init);
    },
  });

  function failed(error: unknown): void {
    if (error === failure?.error) return;
    failure = { error, until: clock.now() + RETRY_AFTER_MS };
    onFailure?.(jwksUri, error);
  }

  /** In the background: no request waits while the keys at hand are still good. */
  function renew(): void {
    if (keys.reloading || loaded.uat === undefined || clock.now() - loaded.uat < REFRESH_AFTER_MS) return;
    keys.reload().catch(failed);
  }

  return async (header, token) => {
    renew();
    try {
      return await keys(header, token);
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) throw error;
      failed(error);
      throw authenticationUnavailable(error);
    }
  };
}
