import { createHmac } from "node:crypto";
import { base64url, exportSPKI, importJWK, type JWTPayload } from "jose";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { createAccessTokenProof } from "../../src/authn/jwt.ts";
import type { IssuerConfig } from "../../src/config.ts";
import { allOf, refusal } from "../fixture/errors.ts";
import { type SigningKey, signingKey, TestIssuer } from "../fixture/issuer.ts";

const clock = { now: () => Date.now() };
let key: SigningKey;
let issuer: TestIssuer;

beforeAll(async () => {
  key = await signingKey("first");
});
beforeEach(async () => {
  // Only what tells the time: sockets and timers are real.
  vi.useFakeTimers({ toFake: ["Date"], now: Date.parse("2026-11-21T09:30:00Z") });
  issuer = await new TestIssuer(key).listen();
});
afterEach(async () => {
  vi.useRealTimers();
  await issuer.close();
});

function proof(changes: Partial<IssuerConfig> = {}) {
  return createAccessTokenProof({ issuers: [issuer.config(changes)], clock });
}

/** Refused as every bad token is: same code, same message, nothing of the token in it. */
async function expectRefused(act: Promise<unknown>): Promise<void> {
  const error = await refusal(act);
  expect(error.code).toBe("unauthenticated");
  expect(error.message).toBe((await refusal(proof()("a.b.c"))).message);
}

function seconds(fromNow: number): number {
  return Math.floor(Date.now() / 1000) + fromNow;
}

describe("a good access token", () => {
  test("proves its principal", async () => {
    const principal = await proof()(await issuer.token());
    expect(principal).toEqual({ id: "alice", issuer: issuer.url, kind: "human", groups: [], authn: "jwt" });
    expect(Object.isFrozen(principal) && Object.isFrozen(principal.groups)).toBe(true);
  });

  test.each(["at+jwt", "AT+JWT", "application/at+jwt"])("may say %s of its type", async (typ) => {
    await expect(proof()(await issuer.token({}, { typ }))).resolves.toMatchObject({ id: "alice" });
  });

  test("may name several audiences, and the configuration too", async () => {
    const token = await issuer.token({ aud: ["other", "lockkeeper"] });
    await expect(proof({ audience: ["lockkeeper", "third"] })(token)).resolves.toMatchObject({ id: "alice" });
  });

  test("is taken by the issuer that it names, of several", async () => {
    const other = await new TestIssuer(await signingKey("second", "RS256")).listen();
    const authenticate = createAccessTokenProof({
      issuers: [issuer.config(), other.config({ algorithms: ["RS256"], kind: "service" })],
      clock,
    });
    expect((await authenticate(await issuer.token())).issuer).toBe(issuer.url);
    expect(await authenticate(await other.token())).toMatchObject({ issuer: other.url, kind: "service" });
    // The second issuer's key does not open the first one's door.
    await expectRefused(authenticate(await issuer.token({}, {}, other.published[0])));
    await expectRefused(authenticate(await issuer.token({}, { kid: "first" }, await signingKey("first"))));
    await other.close();
  });

  test("needs no kid while the issuer has one key only", async () => {
    await expect(proof()(await issuer.token({}, { kid: undefined }))).resolves.toMatchObject({ id: "alice" });
    issuer.published = [key, await signingKey("second")];
    await expectRefused(proof()(await issuer.token({}, { kid: undefined })));
  });

  test("may be off by the configured skew, and no more", async () => {
    await expect(proof()(await issuer.token({ exp: seconds(-29) }))).resolves.toMatchObject({ id: "alice" });
    await expect(proof()(await issuer.token({ nbf: seconds(29) }))).resolves.toMatchObject({ id: "alice" });
    await expectRefused(proof()(await issuer.token({ exp: seconds(-30) })));
    await expectRefused(proof()(await issuer.token({ nbf: seconds(31) })));
  });
});

describe("the claim map", () => {
  test("takes id, groups and user name from the configured claims, groups qualified by the issuer", async () => {
    const claims = { id: "oid", groups: "roles", userName: "iam_user" };
    const token = await issuer.token({ oid: "4711", roles: ["sre", "admin"], iam_user: "Bob", groups: ["no"] });
    expect(await proof({ claims })(token)).toMatchObject({
      id: "4711",
      groups: [`${issuer.url}#sre`, `${issuer.url}#admin`],
      userName: "Bob",
    });
  });

  test("ignores groups and user names of an issuer that may not assert them", async () => {
    const token = await issuer.token({ groups: ["admin"], userName: "Bob", user_name: "Bob", username: "Bob" });
    expect(await proof()(token)).toEqual({ id: "alice", issuer: issuer.url, kind: "human", groups: [], authn: "jwt" });
  });

  test("does without the claims that a token may lack", async () => {
    const principal = await proof({ claims: { id: "sub", groups: "groups", userName: "iam" } })(await issuer.token());
    expect(principal).not.toHaveProperty("userName");
    expect(principal.groups).toEqual([]);
  });

  test.each<[string, JWTPayload]>([
    ["no id", { sub: undefined } as unknown as JWTPayload],
    ["an empty id", { sub: "" }],
    ["a number as id", { sub: 1 } as unknown as JWTPayload],
    ["an overlong id", { sub: "a".repeat(257) }],
    ["a line break in the id", { sub: "alice\nroot" }],
    ["a direction mark in the id", { sub: "alice\u202e" }],
    ["half a character in the id", { sub: "alice\ud800" }],
    ["a text as groups", { groups: "sre" }],
    ["an object as groups", { groups: { 0: "sre", length: 1 } }],
    ["a number among the groups", { groups: ["sre", 1] }],
    ["an empty group", { groups: [""] }],
    ["an overlong group", { groups: ["g".repeat(129)] }],
    ["too many groups", { groups: Array.from({ length: 201 }, () => "g") }],
    ["a user name that IAM would not take", { iam: "Bob/../root" }],
    ["an overlong user name", { iam: "b".repeat(65) }],
    ["a list as user name", { iam: ["Bob"] }],
    ["null as user name", { iam: null }],
  ])("refuses %s", async (_what, changes) => {
    await expectRefused(
      proof({ claims: { id: "sub", groups: "groups", userName: "iam" } })(await issuer.token(changes)),
    );
  });

  test("does not find claims on the prototype", async () => {
    const claims = { id: "sub", groups: "constructor", userName: "toString" };
    expect(await proof({ claims })(await issuer.token())).toMatchObject({ id: "alice", groups: [] });
    await expectRefused(proof({ claims: { id: "constructor" } })(await issuer.token()));
  });
});

describe("a bad access token", () => {
  test.each<[string, JWTPayload, Record<string, unknown>]>([
    ["another audience", { aud: "other" }, {}],
    ["no audience", { aud: undefined } as unknown as JWTPayload, {}],
    ["an audience that only begins alike", { aud: "lockkeeper2" }, {}],
    ["an issuer that is not configured", { iss: "https://evil.example" }, {}],
    ["an issuer with a slash more", { iss: "SLASH" }, {}],
    ["no issuer", { iss: undefined } as unknown as JWTPayload, {}],
    ["a list as issuer", { iss: ["x"] } as unknown as JWTPayload, {}],
    ["no expiry", { exp: undefined } as unknown as JWTPayload, {}],
    ["a text as expiry", { exp: "never" } as unknown as JWTPayload, {}],
    ["an expiry long ago", { exp: 1 }, {}],
    ["a time at which it becomes valid far ahead", { nbf: 9_999_999_999 }, {}],
    ["a holder's key", { cnf: { jkt: "x" } }, {}],
    ["the type JWT", {}, { typ: "JWT" }],
    ["no type", {}, { typ: undefined }],
    ["the type of a logout token", {}, { typ: "logout+jwt" }],
    ["a key id that nobody has", {}, { kid: "nobody" }],
    ["a critical header that nobody knows", {}, { crit: ["x"], x: 1 }],
  ])("with %s is refused", async (_what, claims, header) => {
    const changed = claims.iss === "SLASH" ? { ...claims, iss: `${issuer.url}/` } : claims;
    await expectRefused(unsigned(changed, header));
    async function unsigned(payload: JWTPayload, protectedHeader: Record<string, unknown>) {
      // jose would not sign an unknown critical header, so the token is put together by hand.
      if (!("crit" in protectedHeader)) return proof()(await issuer.token(payload, protectedHeader));
      return proof()(await handmade({ alg: "ES256", kid: "first", typ: "at+jwt", ...protectedHeader }));
    }
  });

  async function handmade(header: object, sign?: (input: string) => Buffer): Promise<string> {
    const [, payload = ""] = (await issuer.token()).split(".");
    const input = `${base64url.encode(JSON.stringify(header))}.${payload}`;
    if (sign !== undefined) return `${input}.${sign(input).toString("base64url")}`;
    const privateKey = key.privateKey;
    const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, privateKey, Buffer.from(input));
    return `${input}.${Buffer.from(signature).toString("base64url")}`;
  }

  test("the hand-made token of these tests is a good one", async () => {
    const token = await handmade({ alg: "ES256", kid: "first", typ: "at+jwt" });
    await expect(proof()(token)).resolves.toMatchObject({ id: "alice" });
  });

  test("with the algorithm none is refused, with and without a signature", async () => {
    for (const alg of ["none", "None", "NONE"]) {
      await expectRefused(proof()(await handmade({ alg, typ: "at+jwt" }, () => Buffer.alloc(0))));
      await expectRefused(proof()(await handmade({ alg, typ: "at+jwt", kid: "first" })));
    }
  });

  test("signed with the public key as if it were a shared secret is refused", async () => {
    const publicKey = await importJWK(key.jwk, "ES256", { extractable: true });
    if (publicKey instanceof Uint8Array) throw new Error("not a public key");
    for (const secret of [await exportSPKI(publicKey), JSON.stringify(key.jwk)]) {
      const sign = (input: string) => createHmac("sha256", secret).update(input).digest();
      await expectRefused(proof()(await handmade({ alg: "HS256", kid: "first", typ: "at+jwt" }, sign)));
    }
  });

  test("with an algorithm that the issuer has, but the configuration does not, is refused", async () => {
    const rsa = await signingKey("rsa", "RS256");
    issuer.published = [key, rsa];
    const token = await issuer.token({}, {}, rsa);
    await expectRefused(proof()(token));
    await expect(proof({ algorithms: ["RS256"] })(token)).resolves.toMatchObject({ id: "alice" });
  });

  test("that brings its own key is refused", async () => {
    const own = await signingKey("first");
    await expectRefused(proof()(await issuer.token({}, { jwk: own.jwk, jku: `${issuer.url}/keys` }, own)));
  });

  test("with one character changed anywhere is refused", async () => {
    const token = await issuer.token();
    const authenticate = proof();
    for (let at = 0; at < token.length - 1; at += 7) {
      const changed = token[at] === "A" ? "B" : "A";
      await expectRefused(authenticate(`${token.slice(0, at)}${changed}${token.slice(at + 1)}`));
    }
  });

  test.each([
    [
      "",
      "a",
      "a.b",
      "a.b.c",
      "a.b.c.d",
      "....",
      "e30.e30.",
      "e30.e30.e30",
      "bnVsbA.bnVsbA.AA",
      "eyJhbGciOiJFUzI1NiJ9..AA",
    ],
  ])("that is none at all is refused", async (...tokens) => {
    for (const token of tokens) await expectRefused(proof()(token));
  });
});

describe("an issuer whose tokens do not tell their type", () => {
  const relaxed = { typ: "any" } as const;

  test.each([undefined, "JWT", "at+jwt", "application/at+jwt", "application/okta-internal-at+jwt"])(
    "may write the type %s",
    async (typ) => {
      await expect(proof(relaxed)(await issuer.token({}, { typ }))).resolves.toMatchObject({ id: "alice" });
    },
  );

  test.each(["id_token", "id+jwt", "logout+jwt", "dpop+jwt", "secevent+jwt", "kb+jwt"])(
    "may not write %s",
    async (typ) => {
      await expectRefused(proof(relaxed)(await issuer.token({}, { typ })));
    },
  );

  test.each<[string, JWTPayload]>([
    ["a nonce", { nonce: "n" }],
    ["at_hash", { at_hash: "h" }],
    ["c_hash", { c_hash: "h" }],
    ["s_hash", { s_hash: "h" }],
    ["events, as a logout token has", { events: {} }],
    ["Keycloak's mark of an ID token", { typ: "ID" }],
    ["Keycloak's mark of a refresh token", { typ: "Refresh" }],
    ["Cognito's mark of an ID token", { token_use: "id" }],
    ["a nonce that is null", { nonce: null }],
  ])("may not give out tokens with %s", async (_what, claims) => {
    await expectRefused(proof(relaxed)(await issuer.token(claims, { typ: "JWT" })));
  });

  test("may mark its access tokens as such", async () => {
    const token = await issuer.token({ typ: "Bearer", token_use: "access", auth_time: 1, sid: "s" }, { typ: "JWT" });
    await expect(proof(relaxed)(token)).resolves.toMatchObject({ id: "alice" });
  });
});

describe("an issuer's keys", () => {
  const MINUTE = 60_000;
  /** A look every few milliseconds, by the clock that the issuer's keys are good by as well. */
  const patient = { timeout: 20_000, interval: 20 };

  test("are asked for once, for many callers at once", async () => {
    const authenticate = proof();
    const token = await issuer.token();
    await Promise.all(Array.from({ length: 20 }, () => authenticate(token)));
    await authenticate(token);
    expect(issuer.requests).toBe(1);
  });

  test("are asked for again when a token names a new one, but not for every made-up name", async () => {
    const authenticate = proof();
    await authenticate(await issuer.token());
    const second = await signingKey("second");
    issuer.published = [key, second];
    vi.advanceTimersByTime(31_000);
    await expect(authenticate(await issuer.token({}, {}, second))).resolves.toMatchObject({ id: "alice" });
    expect(issuer.requests).toBe(2);
    for (let i = 0; i < 20; i += 1) await expectRefused(authenticate(await issuer.token({}, { kid: `made-up-${i}` })));
    expect(issuer.requests).toBe(2);
  });

  test("that were withdrawn are refused once the keys were renewed", async () => {
    const authenticate = proof();
    await authenticate(await issuer.token());
    const second = await signingKey("second");
    const withdrawn = key;
    issuer.published = [second];
    vi.advanceTimersByTime(11 * MINUTE);
    // This one is still taken, and has the keys renewed behind its back.
    await authenticate(await issuer.token({}, {}, withdrawn));
    await vi.waitUntil(() => issuer.requests === 2, patient);
    await vi.waitUntil(async () => {
      const error = await refusal(authenticate(await issuer.token({}, {}, withdrawn))).catch(() => undefined);
      return error?.code === "unauthenticated";
    }, patient);
    await expect(authenticate(await issuer.token({}, {}, second))).resolves.toMatchObject({ id: "alice" });
  });

  test.each(["error", "reset", "garbage"] as const)(
    "that cannot be had (%s) are not the caller's fault, are not asked for at every turn, and work again later",
    async (answer) => {
      issuer.answer = answer;
      const failures: unknown[] = [];
      const authenticate = createAccessTokenProof({
        issuers: [issuer.config()],
        clock,
        onFailure: (_uri, error) => failures.push(error),
      });
      const token = await issuer.token();
      for (let i = 0; i < 5; i += 1) {
        const error = await refusal(authenticate(token));
        expect(error.code).toBe("authentication-unavailable");
        expect(error.details.retryAfter).toBe(5);
      }
      expect(issuer.requests).toBe(1);
      expect(failures).toHaveLength(1);
      issuer.answer = "keys";
      vi.advanceTimersByTime(5_000);
      await expect(authenticate(token)).resolves.toMatchObject({ id: "alice" });
    },
  );

  test("are good for an hour while the issuer is down, and not longer", async () => {
    const authenticate = proof();
    await authenticate(await issuer.token());
    issuer.answer = "reset";
    for (let minutes = 11; minutes < 60; minutes += 11) {
      vi.advanceTimersByTime(11 * MINUTE);
      await expect(authenticate(await issuer.token())).resolves.toMatchObject({ id: "alice" });
    }
    vi.advanceTimersByTime(11 * MINUTE);
    expect((await refusal(authenticate(await issuer.token()))).code).toBe("authentication-unavailable");
  });

  test("are asked for through the fetch that was passed in", async () => {
    const asked: string[] = [];
    const authenticate = createAccessTokenProof({
      issuers: [issuer.config()],
      clock,
      fetch: (url, init) => {
        asked.push(url);
        return fetch(url, init);
      },
    });
    await authenticate(await issuer.token());
    expect(asked).toEqual([`${issuer.url}/keys`]);
  });
});

describe("nothing of a token gets out", () => {
  const canary = "canary-3f7a1c";
  let other: SigningKey;
  beforeAll(async () => {
    other = await signingKey(canary);
  });
  afterAll(() => vi.useRealTimers());

  test.each<[string, (token: TestIssuer) => Promise<string>]>([
    ["an expired one", (from) => from.token({ sub: canary, exp: 1, note: canary })],
    ["one for somebody else", (from) => from.token({ sub: canary, aud: canary })],
    ["one of another type", (from) => from.token({ sub: canary }, { typ: canary })],
    ["one of an unknown issuer", (from) => from.token({ sub: canary, iss: `https://${canary}.example` })],
    ["one with an unknown key", (from) => from.token({ sub: canary }, { kid: canary })],
    ["one that another key signed", (from) => from.token({ sub: canary }, { kid: "first" }, other)],
    ["one with a bad group", (from) => from.token({ sub: "a", groups: [`${canary}\n`] })],
    ["one with a bad user name", (from) => from.token({ sub: "a", iam: `${canary} !` })],
    ["broken JSON", async () => `${base64url.encode("{}")}.${base64url.encode(`{"iss": "${canary}`)}.${canary}`],
    ["no JSON", async () => `${canary}.${base64url.encode(canary)}.${canary}`],
  ])("of %s", async (_what, make) => {
    const authenticate = proof({ claims: { id: "sub", groups: "groups", userName: "iam" } });
    const token = await make(issuer);
    const everything = allOf(await refusal(authenticate(token)));
    expect(everything).not.toContain(canary);
    for (const part of token.split(".").filter((piece) => piece.length > 8)) expect(everything).not.toContain(part);
  });

  test("when the issuer cannot be reached", async () => {
    issuer.answer = "reset";
    const token = await issuer.token({ sub: canary });
    const everything = allOf(await refusal(proof()(token)));
    expect(everything).not.toContain(canary);
    for (const part of token.split(".")) expect(everything).not.toContain(part);
  });

  test("while the operator's log is told what was wrong", async () => {
    const error = await refusal(proof()(await issuer.token({ aud: "other" })));
    expect(error.cause).toMatchObject({ message: "ERR_JWT_CLAIM_VALIDATION_FAILED aud check_failed" });
  });
});
