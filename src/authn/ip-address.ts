import { BlockList, isIP, isIPv4, SocketAddress } from "node:net";

/** An address range, `10.0.0.0/8`, taken apart. */
export interface Cidr {
  readonly address: string;
  readonly prefix: number;
  readonly family: "ipv4" | "ipv6";
}

/**
 * The one spelling under which an address is known: lower case, compressed, without a zone, and IPv4 as IPv4 even where
 * a dual-stack socket reports `::ffff:192.0.2.1`. Undefined when the text is no IP address.
 */
export function canonicalAddress(text: string): string | undefined {
  const address = text.split("%", 1)[0] ?? "";
  switch (isIP(address)) {
    case 4:
      return address;
    case 6: {
      const compressed = new SocketAddress({ address, family: "ipv6" }).address;
      const embedded = compressed.startsWith("::ffff:") ? compressed.slice("::ffff:".length) : "";
      return isIPv4(embedded) ? embedded : compressed;
    }
    default:
      return undefined;
  }
}

/** Reads `192.0.2.1`, `10.0.0.0/8` or `2001:db8::/32`; undefined for anything else. */
export function parseCidr(text: string): Cidr | undefined {
  const match = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text);
  const address = match?.[1] === undefined ? undefined : canonicalAddress(match[1]);
  if (address === undefined) return undefined;
  const [family, bits] = isIPv4(address) ? (["ipv4", 32] as const) : (["ipv6", 128] as const);
  const prefix = match?.[2] === undefined ? bits : Number(match[2]);
  return prefix <= bits ? { address, prefix, family } : undefined;
}

/** A test for being inside one of the ranges. Takes canonical addresses. */
export function addressesWithin(ranges: readonly Cidr[]): (address: string) => boolean {
  const list = new BlockList();
  for (const { address, prefix, family } of ranges) list.addSubnet(address, prefix, family);
  return (address) => list.check(address, isIPv4(address) ? "ipv4" : "ipv6");
}

const loopback = addressesWithin([
  { address: "127.0.0.0", prefix: 8, family: "ipv4" },
  { address: "::1", prefix: 128, family: "ipv6" },
]);

/** Whether a host to listen on or to call can be reached from this machine only. Of names, `localhost` alone is (RFC 6761). */
export function isLoopbackHost(host: string): boolean {
  const address = canonicalAddress(host.replace(/^\[(.*)\]$/, "$1"));
  return address === undefined ? host.toLowerCase() === "localhost" : loopback(address);
}

/**
 * What counts as one source for rate limits: an IPv4 address, or the /64 of an IPv6 address, because that is the least
 * that one subscriber is given (RFC 6177) and its addresses change freely. Takes canonical addresses.
 */
export function networkOf(address: string): string {
  if (!address.includes(":")) return address;
  const [head = "", tail] = address.split("::");
  const groups = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const last = tail === "" ? [] : tail.split(":");
    groups.push(...new Array<string>(Math.max(0, 8 - groups.length - last.length)).fill("0"), ...last);
  }
  return `${groups.slice(0, 4).join(":")}::/64`;
}
