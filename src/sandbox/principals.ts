import { isLoopbackHost } from "../authn/ip-address.ts";
import type { Principal } from "../authn/principal.ts";
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
  if (!isLoopbackHost(host)) {
    throw new LockkeeperError(
      "configuration",
      "The sandbox's tokens are no secret, so they work on a listener of this machine only: use 127.0.0.1 or [::1].",
    );
  }
  return new Map(
    Object.entries(demo).map(([id, who]) => [
      `sandbox-${id}`,
      Object.freeze({ id, issuer: ISSUER, ...who, groups: Object.freeze([]), authn: "sandbox-token" as const }),
    ]),
  );
}
