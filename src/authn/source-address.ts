import { isIP } from "node:net";
import { addressesWithin, canonicalAddress, isLoopbackHost, parseCidr } from "./ip-address.ts";

/** The parts of a request that say where it came from, as Node hands them out. */
export interface Received {
  readonly socket: { readonly remoteAddress?: string | undefined };
  readonly headers: { readonly [name: string]: string | readonly string[] | undefined };
}

/** What a socket is said to come from once it is closed. */
const NO_ADDRESS = "0.0.0.0";

/**
 * Finds a caller's address: the peer's, or what the configured proxies say in `X-Forwarded-For`. Each proxy appends the
 * peer that it saw, so the list is read from its end, and the first address that is no proxy of ours is the caller's;
 * what stands before it, the caller may have written. A list that a proxy of ours would not write counts for nothing.
 */
export function createSourceAddress(trustedProxies: readonly string[]): (request: Received) => string {
  const isTrusted = addressesWithin(trustedProxies.flatMap((range) => parseCidr(range) ?? []));
  return ({ socket, headers }) => {
    const peer = canonicalAddress(socket.remoteAddress ?? "") ?? NO_ADDRESS;
    const forwarded = headers["x-forwarded-for"];
    if (forwarded === undefined || trustedProxies.length === 0 || !isTrusted(peer)) return peer;
    let source = peer;
    for (const hop of String(forwarded).split(",").reverse()) {
      const address = canonicalAddress(withoutPort(hop.trim()));
      if (address === undefined) return peer;
      source = address;
      if (!isTrusted(address)) break;
    }
    return source;
  };
}

/**
 * Who may speak plain HTTP to the listener: this machine, and the proxies that end TLS before it. Anybody else would
 * send bearer tokens across the network in the clear.
 */
export function trustedPeers(trustedProxies: readonly string[]): (address: string | undefined) => boolean {
  const isTrusted = addressesWithin(trustedProxies.flatMap((range) => parseCidr(range) ?? []));
  return (address) => {
    const peer = canonicalAddress(address ?? "");
    return peer !== undefined && (isLoopbackHost(peer) || isTrusted(peer));
  };
}

/** Some proxies write the port too: `192.0.2.1:50000`, `[2001:db8::1]:50000`. */
function withoutPort(hop: string): string {
  if (isIP(hop) !== 0) return hop;
  return /^\[([^\]]+)\](?::\d{1,5})?$/.exec(hop)?.[1] ?? hop.replace(/:\d{1,5}$/, "");
}
