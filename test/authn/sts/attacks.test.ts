import { hash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { StsConfig } from "../../../src/config.ts";
import type { Signing } from "../../aws/sigv4/signer.ts";
import { TestClock } from "../../fixture/clock.ts";
import { allOf, refusal } from "../../fixture/errors.ts";
import {
  account,
  alice,
  basicDate,
  bob,
  encoded,
  forged,
  type Headers,
  headersIn,
  proofOf,
  proverFrom,
  stsConfig,
  tampered,
} from "./proofs.ts";
import { StrictSts } from "./strict-sts.ts";

const MINUTE = 60_000;

let clock: TestClock;
let sts: StrictSts;
let config: StsConfig;
let prove: ReturnType<typeof proverFrom>;
let proof: string;
beforeEach(async () => {
  clock = new TestClock();
  sts = await new StrictSts([alice, bob], clock).listen();
  config = stsConfig(sts.url);
  prove = proverFrom({ sts: config, ownAccount: account, clock });
  proof = await proofOf(alice, config, clock.now());
});
afterEach(() => sts.close());

/** Refused like every other proof that does not hold, with nothing of it in the error. */
async function expectRefused(text: string): Promise<void> {
  const error = await refusal(prove(text));
  expect(error.code).toBe("unauthenticated");
  expect(error.message).toBe((await refusal(prove("AAAA"))).message);
  if (text.length > 60) expect(allOf(error)).not.toContain(text.slice(0, 60));
  expect(allOf(error)).not.toContain("the-secret");
}

async function expectRefusedUnasked(text: string): Promise<void> {
  await expectRefused(text);
  expect(sts.received).toEqual([]);
}

test("the forger of these tests would be let in with an ordinary proof", async () => {
  expect(await prove(forged(config, clock.now()))).toMatchObject({ id: "user/team/alice" });
});

describe("a right signature over another request is refused before STS is asked:", () => {
  const payload = hash("sha256", "Action=GetCallerIdentity&Version=2011-06-15");
  test.each<[string, (config: StsConfig) => Headers, Partial<Signing>?]>([
    ["for another gateway", () => ({ "x-lockkeeper-server-id": "other.example.com" })],
    ["for this gateway in capitals", () => ({ "x-lockkeeper-server-id": "LOCKKEEPER.example.com" })],
    ["for this gateway and another", ({ serverId }) => ({ "x-lockkeeper-server-id": `${serverId},other` })],
    ["for another host", () => ({ host: "sts.attacker.example" })],
    ["for a host that only begins alike", ({ endpoint }) => ({ host: `${new URL(endpoint).host}.attacker.example` })],
    ["for the same host on another port", () => ({ host: "127.0.0.1:1" })],
    ["of another content type", () => ({ "content-type": "application/x-amz-json-1.1" })],
    ["with a charset that is none", () => ({ "content-type": "application/x-www-form-urlencoded; charset=utf-16" })],
    ["with a body of another length", () => ({ "content-length": "44" })],
    ["with another body's hash", () => ({ "x-amz-content-sha256": hash("sha256", "Action=GetSessionToken") })],
    ["with an unsigned body", () => ({ "x-amz-content-sha256": "UNSIGNED-PAYLOAD" })],
    ["with its hash in capitals", () => ({ "x-amz-content-sha256": payload.toUpperCase() })],
    ["that names its operation in a header", () => ({ "x-amz-target": "AWSSecurityTokenService.GetSessionToken" })],
    ["that wants JSON back", () => ({ accept: "application/json" })],
    ["that is forwarded", () => ({ "x-forwarded-host": "sts.attacker.example" })],
    ["that wants another method", () => ({ "x-http-method-override": "GET" })],
    ["that is chunked", () => ({ "transfer-encoding": "chunked" })],
    ["with two kinds of date", () => ({ date: "Sat, 21 Nov 2026 09:30:00 GMT" })],
    ["that expires when it likes", () => ({ "x-amz-expires": "604800" })],
    ["that makes the connection its own", () => ({ connection: "x-amz-date" })],
    ["whose token holds a line's end", () => ({ "x-amz-security-token": "abc\r\nhost: sts.attacker.example" })],
    ["whose token is empty", () => ({ "x-amz-security-token": "" })],
    ["for another service", () => ({}), { service: "iam" }],
    ["for another region", () => ({}), { region: "us-east-1" }],
    ["scoped to another day", () => ({}), { day: "20261120" }],
    ["with another terminator", () => ({}), { terminator: "aws4_request2" }],
    ["by another algorithm", () => ({}), { algorithm: "AWS4-HMAC-SHA512" }],
  ])("%s", async (_what, added, changes) => {
    await expectRefusedUnasked(forged(config, clock.now(), added(config), changes));
  });

  test.each(["host", "content-type", "x-amz-date", "x-lockkeeper-server-id"])(
    "that leaves %s unsigned",
    async (name) => {
      const names = ["content-type", "host", "x-amz-date", "x-lockkeeper-server-id"].filter((one) => one !== name);
      await expectRefusedUnasked(forged(config, clock.now(), {}, { signedHeaders: names }));
    },
  );

  test.each([
    ["a session token", { "x-amz-security-token": "AAAA" }],
    ["the body's hash", { "x-amz-content-sha256": payload }],
    ["the body's length", { "content-length": "43" }],
  ])("that has %s unsigned", async (_what, added) => {
    const names = ["content-type", "host", "x-amz-date", "x-lockkeeper-server-id"];
    await expectRefusedUnasked(forged(config, clock.now(), added, { signedHeaders: names }));
  });

  test.each([
    ["signs a header twice", ["content-type", "host", "host", "x-amz-date", "x-lockkeeper-server-id"]],
    ["signs in another order", ["host", "content-type", "x-amz-date", "x-lockkeeper-server-id"]],
    ["names a header in capitals", ["content-type", "Host", "x-amz-date", "x-lockkeeper-server-id"]],
    ["signs a header that is not there", ["content-type", "host", "x-amz-acl", "x-amz-date", "x-lockkeeper-server-id"]],
  ])("that %s", async (_what, signedHeaders) => {
    await expectRefusedUnasked(forged(config, clock.now(), {}, { signedHeaders }));
  });
});

describe("a date", () => {
  test.each([
    ["six minutes ago", -6 * MINUTE],
    ["a second over five minutes ago", -5 * MINUTE - 1_000],
    ["in six minutes", 6 * MINUTE],
    ["a day ago", -24 * 60 * MINUTE],
  ])("%s is refused before STS is asked", async (_when, ms) => {
    await expectRefusedUnasked(forged(config, clock.now() + ms));
  });

  test("five minutes ago, or ahead, is taken", async () => {
    expect(await prove(forged(config, clock.now() - 5 * MINUTE))).toMatchObject({ id: "user/team/alice" });
    expect(await prove(forged(config, clock.now() + 5 * MINUTE))).toMatchObject({ id: "user/team/alice" });
  });

  test.each([
    "20261121T093000",
    "2026-11-21T09:30:00Z",
    "20261121T093000z",
    "20261131T093000Z",
    "20261121T096000Z",
    "",
    "0",
  ])("%j is none", async (date) => {
    await expectRefusedUnasked(forged(config, clock.now(), { "x-amz-date": date }, { date, day: date.slice(0, 8) }));
  });
});

test.each(["20261131T000000Z", "20261130T240000Z"])(
  "a date that does not exist, %s, is not moved on to the one after",
  async (date) => {
    clock.advance(Date.parse("2026-12-01T00:00:00Z") - clock.now());
    expect(await prove(forged(config, clock.now()))).toMatchObject({ id: "user/team/alice" });
    const asked = sts.received.length;
    await expectRefused(forged(config, clock.now(), { "x-amz-date": date }, { date, day: date.slice(0, 8) }));
    expect(sts.received).toHaveLength(asked);
  },
);

describe("a proof that was changed after it was signed", () => {
  test("in its date is refused by STS", async () => {
    await expectRefused(tampered(proof, (headers) => ({ ...headers, "x-amz-date": basicDate(clock.now() + 1_000) })));
    expect(sts.received).toHaveLength(1);
  });

  test("in its key, to somebody else's, is refused by STS", async () => {
    const others = ({ authorization = "", ...headers }: Headers) => ({
      ...headers,
      authorization: authorization.replace(alice.accessKeyId, bob.accessKeyId),
    });
    await expectRefused(tampered(proof, others));
    expect(sts.received).toHaveLength(1);
  });

  test("in any digit of its signature is refused by STS", async () => {
    for (let at = 1; at <= 64; at += 9) {
      const changed = ({ authorization = "", ...headers }: Headers) => {
        const digit = authorization.at(-at) === "0" ? "1" : "0";
        const before = authorization.slice(0, authorization.length - at);
        return { ...headers, authorization: before + digit + authorization.slice(authorization.length - at + 1) };
      };
      await expectRefused(tampered(proof, changed));
    }
  });

  test("from another gateway's name to this one's is refused by STS", async () => {
    const elsewhere = await proofOf(alice, { ...config, serverId: "other.example.com" }, clock.now());
    const renamed = (headers: Headers) => ({ ...headers, "x-lockkeeper-server-id": config.serverId });
    await expectRefused(tampered(elsewhere, renamed));
    expect(sts.received).toHaveLength(1);
  });

  test("by a session token that was not signed is refused before STS is asked", async () => {
    await expectRefusedUnasked(tampered(proof, (headers) => ({ ...headers, "x-amz-security-token": "AAAA" })));
  });

  test.each<[string, (authorization: string) => string]>([
    ["has a second signature", (text) => `${text}, Signature=${"0".repeat(64)}`],
    ["has a second credential", (text) => text.replace("Credential=", `Credential=${bob.accessKeyId}/x, Credential=`)],
    ["has no blank after the commas", (text) => text.replaceAll(", ", ",")],
    ["has its parameters in another order", (text) => text.replace(/(Credential=\S+), (\S+),/, "$2, $1,")],
    ["begins with a blank", (text) => ` ${text}`],
    ["ends with a line", (text) => `${text}\n`],
    ["has its signature in capitals", (text) => text.replace(/[0-9a-f]{64}$/, (digits) => digits.toUpperCase())],
    ["is a bearer token", () => "Bearer abc"],
    ["is a query's", (text) => text.replace("AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA256?")],
  ])("in its Authorization, which %s, is refused before STS is asked", async (_what, change) => {
    const changed = ({ authorization = "", ...headers }: Headers) => ({
      ...headers,
      authorization: change(authorization),
    });
    await expectRefusedUnasked(tampered(proof, changed));
  });
});

describe("what is no proof at all is refused before STS is asked:", () => {
  test.each<[string, (headers: Headers) => unknown]>([
    ["no JSON", () => "{"],
    ["null", () => null],
    ["a list", (headers) => [headers]],
    ["headers without their group", (headers) => headers],
    ["headers in pairs", (headers) => ({ headers: Object.entries(headers) })],
    ["a URL beside the headers", (headers) => ({ headers, url: "https://sts.attacker.example/" })],
    ["a method beside the headers", (headers) => ({ headers, method: "GET" })],
    ["a body beside the headers", (headers) => ({ headers, body: "Action=GetSessionToken" })],
    ["a value in a list", (headers) => ({ headers: { ...headers, host: [headers["host"]] } })],
    ["a list of values for the name", (headers) => ({ headers: { ...headers, "x-lockkeeper-server-id": ["a", "b"] } })],
    ["a name in capitals beside its own", (headers) => ({ headers: { ...headers, Host: "sts.attacker.example" } })],
    ["a name with a blank", (headers) => ({ headers: { ...headers, "host ": "sts.attacker.example" } })],
    ["a name with a line's end", (headers) => ({ headers: { ...headers, "x\r\nhost": "sts.attacker.example" } })],
    ["no Authorization", ({ authorization: _, ...headers }) => ({ headers })],
    ["no host", ({ host: _, ...headers }) => ({ headers })],
    ["no name of a gateway", ({ "x-lockkeeper-server-id": _, ...headers }) => ({ headers })],
    ["a polluted prototype only", () => '{"__proto__":{"headers":{}}}'],
  ])("%s", async (_what, change) => {
    await expectRefusedUnasked(encoded(change(headersIn(proof))));
  });

  test("and a header by the name of __proto__ reaches nobody", async () => {
    const text = JSON.stringify({ headers: headersIn(proof) }).replace(
      '"headers":{',
      '"headers":{"__proto__":{"x-amz-target":"evil"},',
    );
    await prove(encoded(text)).catch(() => undefined);
    expect(JSON.stringify(sts.received)).not.toContain("evil");
  });

  test("of a header that is there twice, only the one that is used counts", async () => {
    const text = JSON.stringify({ headers: headersIn(proof) });
    const own = `"x-lockkeeper-server-id":"${config.serverId}"`;
    const other = '"x-lockkeeper-server-id":"other.example.com"';
    await expectRefusedUnasked(encoded(text.replace(own, `${own},${other}`)));
    expect(await prove(encoded(text.replace(own, `${other},${own}`)))).toMatchObject({ id: "user/team/alice" });
    expect(sts.received.flatMap(({ headers }) => headers.flat())).not.toContain("other.example.com");
  });
});

describe("what goes to STS", () => {
  test("is one and the same request, whoever asks, with the signed headers and no others of the caller's", async () => {
    await prove(proof);
    const [question, ...more] = sts.received;
    expect(more).toEqual([]);
    expect(question).toMatchObject({
      method: "POST",
      target: "/",
      body: "Action=GetCallerIdentity&Version=2011-06-15",
    });
    const names = question?.headers.map(([name]) => name.toLowerCase()).sort();
    expect(names).toEqual([
      "authorization",
      "connection",
      "content-length",
      "content-type",
      "host",
      "user-agent",
      "x-amz-content-sha256",
      "x-amz-date",
      "x-lockkeeper-server-id",
    ]);
    expect(Object.fromEntries(question?.headers ?? [])).toMatchObject(headersIn(proof));
  });
});
