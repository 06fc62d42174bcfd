import { describe, expect, test } from "vitest";
import { canonicalAddress, isLoopbackHost, networkOf, parseCidr } from "../../src/authn/ip-address.ts";
import { createSourceAddress, trustedPeers } from "../../src/authn/source-address.ts";

const behindProxies = createSourceAddress(["10.0.0.0/8", "2001:db8:1::/48", "192.0.2.1"]);

function from(remoteAddress: string | undefined, forwarded?: string) {
  return { socket: { remoteAddress }, headers: forwarded === undefined ? {} : { "x-forwarded-for": forwarded } };
}

describe("the caller's address", () => {
  test("is the peer's without proxies, whatever X-Forwarded-For says", () => {
    const sourceAddress = createSourceAddress([]);
    expect(sourceAddress(from("198.51.100.7", "203.0.113.9"))).toBe("198.51.100.7");
    expect(sourceAddress(from("127.0.0.1", "203.0.113.9"))).toBe("127.0.0.1");
  });

  test("is the peer's when the peer is no proxy of ours", () => {
    expect(behindProxies(from("198.51.100.7", "203.0.113.9"))).toBe("198.51.100.7");
    expect(behindProxies(from("192.0.2.2", "203.0.113.9"))).toBe("192.0.2.2");
  });

  test.each([
    ["10.0.0.1", "203.0.113.9", "203.0.113.9"],
    ["::ffff:10.0.0.1", "203.0.113.9", "203.0.113.9"],
    ["2001:db8:1::5", "203.0.113.9", "203.0.113.9"],
    ["192.0.2.1", " 203.0.113.9 ", "203.0.113.9"],
    // What the caller wrote stands on the left; what our proxies saw, on the right.
    ["10.0.0.1", "1.1.1.1, 203.0.113.9", "203.0.113.9"],
    ["10.0.0.1", "1.1.1.1,203.0.113.9,10.0.0.2", "203.0.113.9"],
    ["10.0.0.1", "garbage, 203.0.113.9", "203.0.113.9"],
    ["10.0.0.1", "10.9.9.9, 203.0.113.9, 10.0.0.2", "203.0.113.9"],
    // The caller is itself in a trusted range.
    ["10.0.0.1", "10.1.1.1", "10.1.1.1"],
    ["10.0.0.1", "10.2.2.2, 10.1.1.1", "10.2.2.2"],
    ["10.0.0.1", "203.0.113.9:50000", "203.0.113.9"],
    ["10.0.0.1", "[2001:DB8::9]:50000", "2001:db8::9"],
    ["10.0.0.1", "[2001:db8::9]", "2001:db8::9"],
    ["10.0.0.1", "2001:0db8:0:0::9", "2001:db8::9"],
    ["10.0.0.1", "::ffff:203.0.113.9", "203.0.113.9"],
    ["10.0.0.1", "::FFFF:cb00:7109", "203.0.113.9"],
  ])("behind %s with %j is %s", (peer, forwarded, source) => {
    expect(behindProxies(from(peer, forwarded))).toBe(source);
  });

  test.each([
    "",
    ",",
    "unknown",
    "_hidden",
    "203.0.113.9,",
    "203.0.113.9, x",
    "999.1.1.1",
    "203.0.113.9 10.0.0.2",
    "[::1",
    "1.2.3.4:5:6",
    "01.2.3.4",
    "x".repeat(10_000),
  ])("is the proxy's when its list ends in %j", (forwarded) => {
    expect(behindProxies(from("10.0.0.1", forwarded))).toBe("10.0.0.1");
  });

  test("is written in one way only", () => {
    const sourceAddress = createSourceAddress([]);
    expect(sourceAddress(from("::ffff:192.0.2.5"))).toBe("192.0.2.5");
    expect(sourceAddress(from("2001:DB8:0:0:0:0:0:1"))).toBe("2001:db8::1");
    expect(sourceAddress(from("fe80::1%eth0"))).toBe("fe80::1");
  });

  test("of a socket that is gone is none", () => {
    expect(behindProxies(from(undefined, "203.0.113.9"))).toBe("0.0.0.0");
  });
});

describe("a peer without TLS", () => {
  const admits = trustedPeers(["10.0.0.0/8", "2001:db8::1"]);

  test.each(["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.1.2.3", "::ffff:10.1.2.3", "2001:db8::1"])(
    "is answered when it is this machine or a proxy: %s",
    (address) => {
      expect(admits(address)).toBe(true);
    },
  );

  test.each(["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::2", "", undefined, "localhost"])(
    "is not answered otherwise: %s",
    (address) => {
      expect(admits(address)).toBe(false);
    },
  );
});

describe("a source, for rate limits", () => {
  test.each([
    ["192.0.2.5", "192.0.2.5"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:db8:1:2::", "2001:db8:1:2::/64"],
    ["2001:db8:1:2::9", "2001:db8:1:2::/64"],
    ["2001:db8::9", "2001:db8:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
    ["::", "0:0:0:0::/64"],
    ["::1.2.3.4", "0:0:0:0::/64"],
    ["1::", "1:0:0:0::/64"],
    ["1::2:3:4:5:6:7", "1:0:2:3::/64"],
  ])("%s is %s", (address, network) => {
    expect(networkOf(address)).toBe(network);
  });
});

describe("addresses", () => {
  test.each([
    "",
    "1.2.3",
    "1.2.3.4.5",
    "1.2.3.4/8",
    "localhost",
    "::g",
    "[::1]",
    " 1.2.3.4",
    "0x7f.0.0.1",
    "2130706433",
  ])("%j is none", (text) => {
    expect(canonicalAddress(text)).toBeUndefined();
  });

  test.each([
    "",
    "/8",
    "10.0.0.0/",
    "10.0.0.0/33",
    "10.0.0.0/-1",
    "10.0.0.0/8/8",
    "::/129",
    "10.0.0.0/08x",
    "fe80::1%eth0/64",
  ])("%j is no range", (text) => {
    expect(parseCidr(text)).toBeUndefined();
  });

  test("a single address is a range of one", () => {
    expect(parseCidr("192.0.2.1")).toEqual({ address: "192.0.2.1", prefix: 32, family: "ipv4" });
    expect(parseCidr("2001:db8::/32")).toEqual({ address: "2001:db8::", prefix: 32, family: "ipv6" });
  });

  test.each([
    "127.0.0.1",
    "127.255.255.255",
    "::1",
    "[::1]",
    "0:0:0:0:0:0:0:1",
    "::ffff:127.0.0.1",
    "localhost",
    "LOCALHOST",
  ])("%s is this machine", (host) => {
    expect(isLoopbackHost(host)).toBe(true);
  });

  test.each(["", "0.0.0.0", "::", "128.0.0.1", "::2", "localhost.example", "127.0.0.1.example", "0", "127.1"])(
    "%j is not, or is not known to be",
    (host) => {
      expect(isLoopbackHost(host)).toBe(false);
    },
  );
});
