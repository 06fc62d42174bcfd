import type { AwsKeyPair } from "../authn/aws-keys.ts";
import { isLoopbackHost } from "../authn/ip-address.ts";
import type { AuthnMethod, Principal } from "../authn/principal.ts";
import { LockkeeperError } from "../errors.ts";

const ISSUER = "sandbox";

const demo: Readonly<Record<string, Pick<Principal, "kind" | "userName">>> = {
  oncall: { kind: "human" },
  admin: { kind: "human" },
  chatops: { kind: "bot" },
  ticketing: { kind: "service" },
  viewer: { kind: "human" },
  auditor: { kind: "human" },
  bob: { kind: "human", userName: "Bob" },
  sofia: { kind: "human", userName: "sofia" },
};

/**
 * The sandbox's principals by their bearer tokens, `sandbox-oncall` and so on. Their roles are in `site.json`.
 * @param host the address that the gateway listens on
 * @throws LockkeeperError `configuration` when other machines can reach it: everybody knows these tokens
 */
export function sandboxTokens(host: string): ReadonlyMap<string, Principal> {
  return new Map(principals(host, "sandbox-token").map((principal) => [`sandbox-${principal.id}`, principal]));
}

/**
 * The same principals by access key id, for AWS clients: `AKIASANDBOXONCALL` with `sandbox-oncall-secret`, and so on.
 * @param host the address that the gateway listens on
 * @throws LockkeeperError `configuration` when other machines can reach it: everybody knows these secrets
 */
export function sandboxKeyPairs(host: string): ReadonlyMap<string, AwsKeyPair> {
  return new Map(
    principals(host, "sigv4").map((principal) => [
      `AKIASANDBOX${principal.id.toUpperCase()}`,
      { secretAccessKey: `sandbox-${principal.id}-secret`, principal },
    ]),
  );
}

function principals(host: string, authn: AuthnMethod): Principal[] {
  if (!isLoopbackHost(host)) {
    throw new LockkeeperError(
      "configuration",
      "The sandbox's tokens are no secret, so they work on a listener of this machine only: use 127.0.0.1 or [::1].",
    );
  }
  return Object.entries(demo).map(([id, who]) =>
    Object.freeze({ id, issuer: ISSUER, ...who, groups: Object.freeze([]), authn }),
  );
}
