import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { StoredApiKey } from "../../src/audit/journal.ts";
import { createApiKeyProof } from "../../src/authn/api-key-proof.ts";
import { createApiKey, parseApiKey } from "../../src/authn/api-keys.ts";
import { storedPrincipal } from "../../src/authn/issued-key.ts";
import { createKeyRing } from "../../src/authn/key-ring.ts";
import type { Principal } from "../../src/authn/principal.ts";
import { TestClock } from "../fixture/clock.ts";
import { allOf, refusal } from "../fixture/errors.ts";

const DAY = 86_400_000;
const principal: Principal = {
  id: "ci-rotator",
  issuer: "lockkeeper",
  kind: "service",
  userName: "ci",
  groups: ["lockkeeper#rotation"],
  authn: "api-key",
};

async function ringOf(clock: TestClock, ...rows: StoredApiKey[]) {
  const ring = createKeyRing({ read: async () => rows, clock });
  await ring.refresh();
  return createApiKeyProof(ring, clock);
}

describe("a new key", () => {
  test("is lk_, an id, and 256 bits", () => {
    const { key, stored } = createApiKey({ principal, now: 1_000 });
    expect(key).toMatch(/^lk_[a-z2-7]{16}_[A-Za-z0-9_-]{43}$/);
    expect(key.startsWith(`lk_${stored.id}_`)).toBe(true);
    expect(Buffer.from(key.slice(-43), "base64url")).toHaveLength(32);
  });

  test("is stored as the SHA-256 of its secret, and good for 90 days", () => {
    const { key, stored } = createApiKey({ principal, now: 1_000 });
    expect(stored).toEqual({
      id: key.slice(3, 19),
      secretHash: createHash("sha256").update(key.slice(-43)).digest("hex"),
      principal: "lockkeeper ci-rotator",
      principalJson: JSON.stringify(principal),
      createdAt: 1_000,
      expiresAt: 1_000 + 90 * DAY,
      revokedAt: null,
    });
    expect(JSON.stringify(stored)).not.toContain(key.slice(-43));
  });

  test("is another one each time", () => {
    const keys = Array.from({ length: 100 }, () => createApiKey({ principal, now: 0 }));
    expect(new Set(keys.map(({ key }) => key)).size).toBe(100);
    expect(new Set(keys.map(({ stored }) => stored.id)).size).toBe(100);
  });

  test("is made of the randomness that was passed in", () => {
    const { key } = createApiKey({ principal, now: 0, random: (bytes) => new Uint8Array(bytes).fill(255) });
    expect(key).toBe(`lk_${"7".repeat(16)}_${"_".repeat(42)}8`);
    expect(parseApiKey(key)).toEqual({ id: "7".repeat(16), secret: `${"_".repeat(42)}8` });
  });

  test.each<[string, Partial<Principal>, number, string[]]>([
    ["a blank in the id", { id: "a b" }, DAY, ["id"]],
    ["no id", { id: "" }, DAY, ["id"]],
    ["another issuer", { issuer: "https://idp.example" }, DAY, ["issuer"]],
    ["a user name that IAM would not take", { userName: "a/b" }, DAY, ["userName"]],
    ["a group of another issuer", { groups: ["https://idp.example#sre"] }, DAY, ["groups.0"]],
    ["an empty group", { groups: ["lockkeeper#"] }, DAY, ["groups.0"]],
    ["a time of over a year", {}, 366 * DAY, ["ttl"]],
    ["a time of minutes", {}, 60_000, ["ttl"]],
    ["no time", {}, Number.NaN, ["ttl"]],
    ["several faults at once", { id: "", userName: "" }, 0, ["id", "userName", "ttl"]],
  ])("is not made with %s", async (_what, changes, ttlMs, places) => {
    const error = await refusal(() => createApiKey({ principal: { ...principal, ...changes }, now: 0, ttlMs }));
    expect(error.code).toBe("malformed-request");
    expect(error.details.faults?.map(({ at }) => at)).toEqual(places);
  });
});

describe("a live key", () => {
  test("proves its principal", async () => {
    const clock = new TestClock();
    const { key, stored } = createApiKey({ principal, now: clock.now() });
    const proved = (await ringOf(clock, stored))(key);
    expect(proved).toEqual(principal);
    expect(Object.isFrozen(proved) && Object.isFrozen(proved.groups)).toBe(true);
  });

  test("works beside a second one of the same principal, so that one can replace the other", async () => {
    const clock = new TestClock();
    const [one, two] = [createApiKey({ principal, now: clock.now() }), createApiKey({ principal, now: clock.now() })];
    const authenticate = await ringOf(clock, one.stored, two.stored);
    expect(authenticate(one.key)).toEqual(principal);
    expect(authenticate(two.key)).toEqual(principal);
  });

  test("works to its last millisecond", async () => {
    const clock = new TestClock();
    const { key, stored } = createApiKey({ principal, now: clock.now() });
    clock.advance(90 * DAY - 1);
    expect((await ringOf(clock, stored))(key)).toEqual(principal);
    clock.advance(1);
    await refusal(async () => (await ringOf(clock, stored))(key));
  });
});

describe("a bad key", () => {
  const clock = new TestClock();
  const now = clock.now();
  const mine = createApiKey({ principal, now });
  const other = createApiKey({ principal: { ...principal, id: "other" }, now });
  const revoked = createApiKey({ principal, now });
  const expired = createApiKey({ principal, now: now - 91 * DAY });
  const secret = mine.key.slice(-43);

  const attacks: [string, string][] = [
    ["truncated", mine.key.slice(0, -1)],
    ["longer", `${mine.key}A`],
    ["with another's secret", mine.key.slice(0, -43) + other.key.slice(-43)],
    ["with another's id", other.key.slice(0, -43) + secret],
    ["with an unknown id", `lk_${"a".repeat(16)}_${secret}`],
    ["with an id that every object has", `lk___proto___${secret}`],
    ["with the hash in the secret's place", `lk_${mine.stored.id}_${mine.stored.secretHash}`],
    [
      "with the hash's bytes in the secret's place",
      `lk_${mine.stored.id}_${Buffer.from(mine.stored.secretHash, "hex").toString("base64url")}`,
    ],
    ["with one bit of the secret changed", mine.key.slice(0, -43) + (secret[0] === "A" ? "B" : "A") + secret.slice(1)],
    ["without a secret", `lk_${mine.stored.id}_`],
    ["without anything", "lk_"],
    ["in capitals", mine.key.toUpperCase()],
    ["with a blank", `${mine.key} `],
    ["with a zero byte", `${mine.key}\0`],
    ["revoked", revoked.key],
    ["expired", expired.key],
  ];

  const authenticator = () =>
    ringOf(clock, mine.stored, other.stored, { ...revoked.stored, revokedAt: now - 1 }, expired.stored);

  test.each(attacks)("%s is refused like any other, and nothing of it gets out", async (_what, key) => {
    const authenticate = await authenticator();
    const error = await refusal(() => authenticate(key));
    expect(error.code).toBe("unauthenticated");
    expect(error.message).toBe((await refusal(() => authenticate("lk_"))).message);
    for (const part of [key.slice(-43), mine.stored.secretHash]) {
      if (part.length > 8) expect(allOf(error)).not.toContain(part);
    }
  });

  test("unknown is told in the same words as wrong, expired and revoked, also in the log", async () => {
    const authenticate = await authenticator();
    const reasons = await Promise.all(
      [`lk_${"a".repeat(16)}_${secret}`, mine.key.slice(0, -43) + other.key.slice(-43), revoked.key, expired.key].map(
        async (key) => (await refusal(() => authenticate(key))).cause,
      ),
    );
    expect(new Set(reasons.map(String)).size).toBe(1);
  });

  test("whose last character only decodes to the same bits is refused", async () => {
    // 43 characters hold 258 bits: of the last one, two bits are dropped by a decoder.
    const { key, stored } = createApiKey({ principal, now, random: (bytes) => new Uint8Array(bytes) });
    const twin = `${key.slice(0, -1)}B`;
    expect(Buffer.from(twin.slice(-43), "base64url")).toEqual(Buffer.from(key.slice(-43), "base64url"));
    const authenticate = await ringOf(clock, stored);
    expect(authenticate(key)).toEqual(principal);
    await refusal(() => authenticate(twin));
  });
});

describe("a stored key whose row was tampered with", () => {
  const { key, stored } = createApiKey({ principal, now: new TestClock().now() });

  test.each<[string, Partial<StoredApiKey>]>([
    ["not JSON", { principalJson: "{" }],
    ["null", { principalJson: "null" }],
    ["another kind", { principalJson: JSON.stringify({ ...principal, kind: "root" }) }],
    ["an unknown member", { principalJson: JSON.stringify({ ...principal, admin: true }) }],
    ["another issuer", { principalJson: JSON.stringify({ ...principal, issuer: "sandbox" }) }],
    [
      "another principal than the one it is counted for",
      { principalJson: JSON.stringify({ ...principal, id: "root" }) },
    ],
    ["a hash that is none", { secretHash: "" }],
    ["half a hash", { secretHash: stored.secretHash.slice(0, 32) }],
  ])("%s opens nothing, and leaves the others alone", async (_what, changes) => {
    const clock = new TestClock();
    const good = createApiKey({ principal, now: clock.now() });
    const authenticate = await ringOf(clock, { ...stored, ...changes }, good.stored);
    expect((await refusal(() => authenticate(key))).code).toBe("unauthenticated");
    expect(authenticate(good.key)).toEqual(principal);
  });

  test("is read back as it was written otherwise", () => {
    expect(storedPrincipal(stored)).toEqual(principal);
  });
});
