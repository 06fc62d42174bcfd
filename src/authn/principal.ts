/**
 * The authenticated caller. In AWS a user is also called a principal; here the caller always is *principal*, and what
 * is changed always is *credential*.
 */
export interface Principal {
  /** Unique within its issuer. */
  readonly id: string;
  /** Who vouches for the id: an OIDC issuer's URL, or `lockkeeper` for keys that it issued, or `sandbox`, or `sts:` and an AWS account. */
  readonly issuer: string;
  readonly kind: PrincipalKind;
  /** The principal's own IAM user, where its issuer may say so. */
  readonly userName?: string;
  /** Qualified by their issuer, `https://idp.example#sre`, so that two issuers cannot speak of the same group. */
  readonly groups: readonly string[];
  /** How the principal proved who it is. */
  readonly authn: AuthnMethod;
}

export type PrincipalKind = "human" | "service" | "bot";

export const principalKinds = ["human", "service", "bot"] as const satisfies readonly PrincipalKind[];

export type AuthnMethod = "api-key" | "jwt" | "sandbox-token" | "sigv4" | "sts";

/** One string for a principal, for rate limits, idempotency and ownership. Issuers contain no blank, so no two collide. */
export function principalKey(principal: Pick<Principal, "issuer" | "id">): string {
  return `${principal.issuer} ${principal.id}`;
}
