import type { ServerResponse } from "node:http";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { StsConfig } from "../../../src/config.ts";
import { startSandboxIam } from "../../../src/sandbox/iam/server.ts";
import { TestClock } from "../../fixture/clock.ts";
import { allOf, refusal } from "../../fixture/errors.ts";
import { closedPort, serveHttp, silentPort } from "../../iam/servers.ts";
import { certificate, serveTls } from "../../iam/tls-server.ts";
import { account, alice, bob, encoded, forged, headersIn, proofOf, proverFrom, stsConfig, tampered } from "./proofs.ts";
import { errorXml, identityXml, StrictSts } from "./strict-sts.ts";

const MINUTE = 60_000;
const id = "user/team/alice";

let clock: TestClock;
let sts: StrictSts;
let config: StsConfig;
let failures: unknown[];
beforeEach(async () => {
  clock = new TestClock();
  failures = [];
  sts = await new StrictSts([alice, bob], clock).listen();
  config = stsConfig(sts.url);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await sts.close();
});

const prover = (changes: Partial<StsConfig> = {}) =>
  proverFrom({
    sts: { ...config, ...changes },
    ownAccount: account,
    clock,
    onFailure: (error) => failures.push(error),
  });

describe("a proof that held", () => {
  test("is not asked about again within its five minutes, and refused after them", async () => {
    const prove = prover();
    const proof = await proofOf(alice, config, clock.now());
    for (let minute = 0; minute <= 5; minute += 1) {
      expect(await prove(proof)).toMatchObject({ id });
      clock.advance(MINUTE);
    }
    expect((await refusal(prove(proof))).code).toBe("unauthenticated");
    expect(sts.received).toHaveLength(1);
  });

  test("is the same however its JSON is written", async () => {
    const prove = prover();
    const proof = await proofOf(alice, config, clock.now());
    await prove(proof);
    await prove(encoded(JSON.stringify({ headers: headersIn(proof) }, null, 2)));
    await prove(tampered(proof, (headers) => Object.fromEntries(Object.entries(headers).reverse())));
    expect(sts.received).toHaveLength(1);
  });

  test("by a clock that is ahead is asked about again after five minutes", async () => {
    const prove = prover();
    const proof = await proofOf(alice, config, clock.now() + 4 * MINUTE);
    await prove(proof);
    clock.advance(4 * MINUTE);
    await prove(proof);
    expect(sts.received).toHaveLength(1);
    clock.advance(2 * MINUTE);
    await prove(proof);
    expect(sts.received).toHaveLength(2);
  });

  test("says nothing of one with another signature", async () => {
    const prove = prover();
    const proof = await proofOf(alice, config, clock.now());
    await prove(proof);
    const other = headersIn(await proofOf({ ...alice, secretAccessKey: "wrong" }, config, clock.now()));
    expect((await refusal(prove(tampered(proof, () => other)))).code).toBe("unauthenticated");
    expect(sts.received).toHaveLength(2);
  });

  test("is forgotten when a thousand others came after it", async () => {
    sts.instead = (response) => response.end(identityXml(alice.arn));
    const prove = prover();
    const made = (n: number) =>
      forged(config, clock.now(), {}, { accessKeyId: `AKIA${String(n).padStart(16, "0")}`, secretAccessKey: "any" });
    for (let n = 0; n <= 1_000; n += 8) await Promise.all(Array.from({ length: 8 }, (_, at) => prove(made(n + at))));
    const asked = sts.received.length;
    await prove(made(1_005));
    expect(sts.received).toHaveLength(asked);
    await prove(made(0));
    expect(sts.received).toHaveLength(asked + 1);
  });
});

describe("a proof that did not hold", () => {
  test("is asked about each time: a new key may be known a moment later", async () => {
    const prove = prover();
    const proof = await proofOf(alice, config, clock.now());
    sts.instead = (response) => response.writeHead(403).end(errorXml("InvalidClientTokenId"));
    expect((await refusal(prove(proof))).code).toBe("unauthenticated");
    sts.instead = undefined;
    expect(await prove(proof)).toMatchObject({ id });
    expect(failures).toEqual([]);
  });
});

describe("simultaneous callers", () => {
  test("with one proof are one question", async () => {
    const prove = prover();
    const proof = await proofOf(alice, config, clock.now());
    const principals = await Promise.all(Array.from({ length: 50 }, () => prove(proof)));
    expect(new Set(principals).size).toBe(1);
    expect(sts.received).toHaveLength(1);
  });

  test("with proofs of their own are sixteen questions at a time and 64 in all; those beyond are told to come back", async () => {
    const opened = Promise.withResolvers<void>();
    sts.before = () => opened.promise;
    const prove = prover();
    const known = await proofOf(bob, config, clock.now());
    const asks = Array.from({ length: 70 }, (_, n) =>
      prove(forged(config, clock.now() - n * 1_000), `192.0.2.${n}`).then(
        () => "in",
        (error) => error.code as string,
      ),
    );
    await vi.waitFor(() => expect(sts.received).toHaveLength(16), { timeout: 20_000, interval: 20 });
    const beyond = await refusal(prove(known));
    expect([beyond.code, beyond.details.retryAfter]).toEqual(["authentication-unavailable", 5]);
    opened.resolve();
    const ends = await Promise.all(asks);
    expect(ends.filter((end) => end === "in")).toHaveLength(64);
    expect(ends.filter((end) => end === "authentication-unavailable")).toHaveLength(6);
    expect(await prove(known)).toMatchObject({ id: "user/Bob" });
  });

  test.each([
    ["an address", (_n: number) => "192.0.2.7", "192.0.2.8"],
    ["an IPv6 network", (n: number) => `2001:db8::${n + 1}`, "2001:db8:0:1::1"],
  ])("at %s are eight questions; those beyond are told to come back, and others get in", async (_what, from, other) => {
    const opened = Promise.withResolvers<void>();
    sts.before = () => opened.promise;
    const prove = prover();
    const forgeries = Array.from({ length: 30 }, (_, n) => {
      const key = { accessKeyId: alice.accessKeyId, secretAccessKey: `guess ${n}` };
      return refusal(prove(forged(config, clock.now(), {}, key), from(n)));
    });
    await vi.waitFor(() => expect(sts.received).toHaveLength(8), { timeout: 20_000, interval: 20 });
    // Those that wait are answered last: STS is slow for them only.
    sts.before = undefined;
    const proof = await proofOf(bob, config, clock.now());
    expect(await prove(proof, other)).toMatchObject({ id: "user/Bob" });
    expect(await prove(proof, from(0))).toMatchObject({ id: "user/Bob" });
    const late = await refusal(prove(await proofOf(alice, config, clock.now()), from(0)));
    expect([late.code, late.details.retryAfter]).toEqual(["rate-limited", 1]);
    opened.resolve();
    const codes = (await Promise.all(forgeries)).map(({ code }) => code);
    expect(codes.filter((code) => code === "unauthenticated")).toHaveLength(8);
    expect(codes.filter((code) => code === "rate-limited")).toHaveLength(22);
    expect(await prove(await proofOf(alice, config, clock.now()), from(0))).toMatchObject({ id });
  });
});

describe("an STS that gives no clear answer", () => {
  test.each<[string, (response: ServerResponse) => void]>([
    ["an error of its own", (response) => response.writeHead(500).end(errorXml("InternalFailure"))],
    ["throttling", (response) => response.writeHead(400).end(errorXml("Throttling"))],
    ["HTML", (response) => response.end("<html>")],
    [
      "half an answer",
      (response) =>
        response.writeHead(200, { "content-length": "999" }).write(identityXml(alice.arn), () => response.destroy()),
    ],
    ["a reset", (response) => response.destroy()],
    ["more than it may say", (response) => response.end(`${" ".repeat(17_000)}${identityXml(alice.arn)}`)],
  ])("but %s is not the caller's fault", async (_what, answer) => {
    const prove = prover();
    const proof = await proofOf(alice, config, clock.now());
    sts.instead = answer;
    const error = await refusal(prove(proof));
    expect([error.code, error.details.retryAfter]).toEqual(["authentication-unavailable", 5]);
    expect(failures).toHaveLength(1);
    expect(allOf(error)).not.toContain(headersIn(proof)["authorization"]?.slice(-64));
    sts.instead = undefined;
    expect(await prove(proof)).toMatchObject({ id });
  });

  test("but a redirect is not followed", async () => {
    let followed = 0;
    const elsewhere = await serveHttp((_request, response) => {
      followed += 1;
      response.end(identityXml(alice.arn));
    });
    for (const status of [301, 302, 307, 308]) {
      sts.instead = (response) => response.writeHead(status, { location: elsewhere }).end();
      const error = await refusal(prover()(await proofOf(alice, config, clock.now())));
      expect(error.code).toBe("authentication-unavailable");
    }
    expect(followed).toBe(0);
  });

  test("is not waited for longer than its time, whether it is silent, slow, or not to be reached", async () => {
    const slow = await serveHttp((_request, response) => {
      response.writeHead(200).write("<");
    });
    for (const endpoint of [await silentPort(), slow, await closedPort()]) {
      const own = stsConfig(endpoint, { timeoutMs: 200 });
      const error = await refusal(prover(own)(await proofOf(alice, own, clock.now())));
      expect(error.code).toBe("authentication-unavailable");
    }
  });

  test("because its certificate is not to be believed is not believed, whatever the environment says", async () => {
    vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
    const server = await serveTls(async () => undefined);
    const own = stsConfig(server.url);
    const error = await refusal(prover(own)(await proofOf(alice, own, clock.now())));
    expect(error.code).toBe("authentication-unavailable");
    expect(allOf(error)).toContain("DEPTH_ZERO_SELF_SIGNED_CERT");
    expect(server.requests()).toBe(0);
  });

  test("but with a certificate that is to be believed is asked", async () => {
    const before = getCACertificates("default");
    setDefaultCACertificates([...before, certificate]);
    const server = await serveTls(async () => undefined);
    const own = stsConfig(server.url);
    const error = await refusal(prover(own)(await proofOf(alice, own, clock.now())));
    setDefaultCACertificates(before);
    // It is one that gives every question the same answer, which is none.
    expect(allOf(error)).toContain("STS answered 200 with something else");
    expect(server.requests()).toBe(1);
  });
});

test("no variable of the SDK's and no proxy's redirects the question", async () => {
  let elsewhere = 0;
  const url = await serveHttp((_request, response) => {
    elsewhere += 1;
    response.end(identityXml(bob.arn));
  });
  const variables = [
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_STS",
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "ALL_PROXY",
  ];
  for (const name of variables) vi.stubEnv(name, url);
  vi.stubEnv("NODE_USE_ENV_PROXY", "1");
  vi.stubEnv("AWS_REGION", "us-west-2");
  expect(await prover()(await proofOf(alice, config, clock.now()))).toMatchObject({ id });
  expect(elsewhere).toBe(0);
});

test("the sandbox's STS checks no signature: with it as the endpoint, whoever knows a key's id is let in", async () => {
  const sandbox = await startSandboxIam();
  try {
    const own = stsConfig(sandbox.url);
    const key = { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "not the secret" };
    expect(await prover(own)(await proofOf(key, own, clock.now()))).toMatchObject({ id: "user/Bob" });
  } finally {
    await sandbox.close();
  }
});
