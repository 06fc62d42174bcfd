import { describe, expect, test } from "vitest";
import type { StoredAwsKey } from "../../src/audit/journal.ts";
import { createAwsKeyRing } from "../../src/authn/aws-key-ring.ts";
import { createAwsKey, openAwsKey, resealAwsKey } from "../../src/authn/aws-keys.ts";
import { encryptionKeys } from "../../src/authn/encryption-keys.ts";
import { createKeyRing } from "../../src/authn/key-ring.ts";
import type { Principal } from "../../src/authn/principal.ts";
import { TestClock } from "../fixture/clock.ts";
import { refusal } from "../fixture/errors.ts";

const DAY = 86_400_000;
const [one, two] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
const encryption = encryptionKeys(one, []);
const principal: Principal = {
  id: "ci-rotator",
  issuer: "lockkeeper",
  kind: "service",
  userName: "ci",
  groups: ["lockkeeper#rotation"],
  authn: "sigv4",
};
const make = (parts: Partial<Principal> = {}, now = 1_000) =>
  createAwsKey({ principal: { ...principal, ...parts }, now }, encryption);

describe("a new key pair", () => {
  test("looks like one of AWS's, and cannot be taken for one", () => {
    const { accessKeyId, secretAccessKey } = make();
    expect(accessKeyId).toMatch(/^LKEY[A-Z2-7]{16}$/);
    expect(accessKeyId).toMatch(/^\w{16,128}$/);
    expect(secretAccessKey).toMatch(/^[A-Za-z0-9+/]{40}$/);
    expect(Buffer.from(secretAccessKey, "base64")).toHaveLength(30);
  });

  test("holds nothing that secret scanners file as an AWS key, whatever its random part is", () => {
    // As gitleaks and others write it; here without the word boundary that they ask for before it.
    const aws = /(?:A3T[A-Z0-9]|AKIA|AGPA|AIDA|AROA|AIPA|ANPA|ANVA|APKA|ASCA|ASIA|ABIA|ACCA)[A-Z0-9]{16}/;
    for (const start of ["AKIA", "IA", "A", "KIA", "SIA", "ASIA"]) {
      const letters = Uint8Array.from(start.padEnd(16, "A"), (letter) => letter.charCodeAt(0) - 65);
      const random = (bytes: number) => letters.slice(0, bytes);
      const { accessKeyId } = createAwsKey(
        { principal, now: 0, random: (n) => (n === 16 ? random(n) : new Uint8Array(n)) },
        encryption,
      );
      expect(accessKeyId).toContain(start);
      expect(accessKeyId).not.toMatch(aws);
    }
  });

  test("is stored encrypted, and good for 90 days", () => {
    const { accessKeyId, secretAccessKey, stored } = make();
    expect(stored).toEqual({
      id: accessKeyId,
      principal: "lockkeeper ci-rotator",
      principalJson: JSON.stringify(principal),
      createdAt: 1_000,
      expiresAt: 1_000 + 90 * DAY,
      revokedAt: null,
      sealedSecret: expect.any(String),
      sealedUnder: encryption.id,
    });
    const everything = JSON.stringify(stored) + Buffer.from(stored.sealedSecret, "base64").toString("latin1");
    expect(everything).not.toContain(secretAccessKey.slice(0, 8));
    expect(openAwsKey(stored, encryption)).toEqual({ secretAccessKey, principal });
  });

  test("is another one each time", () => {
    const pairs = Array.from({ length: 100 }, () => make());
    expect(new Set(pairs.map(({ accessKeyId }) => accessKeyId)).size).toBe(100);
    expect(new Set(pairs.map(({ secretAccessKey }) => secretAccessKey)).size).toBe(100);
  });

  test.each<[string, Partial<Principal>, number, string[]]>([
    ["the way of an API key", { authn: "api-key" }, DAY, ["authn"]],
    ["another issuer", { issuer: "sandbox" }, DAY, ["issuer"]],
    ["a time of over a year", {}, 366 * DAY, ["ttl"]],
    ["a time of minutes", {}, 60_000, ["ttl"]],
    ["several faults at once", { id: "a b", userName: "a/b" }, 0, ["id", "userName", "ttl"]],
  ])("is not made with %s", async (_what, changes, ttlMs, places) => {
    const asked = { principal: { ...principal, ...changes }, now: 0, ttlMs };
    const error = await refusal(() => createAwsKey(asked, encryption));
    expect(error.code).toBe("malformed-request");
    expect(error.details.faults?.map(({ at }) => at)).toEqual(places);
  });
});

describe("the ring of key pairs", () => {
  const unusable: [string, string][] = [];
  const ringOf = async (clock: TestClock, ...rows: StoredAwsKey[]) => {
    unusable.length = 0;
    const state = { rows, broken: false };
    const ring = createAwsKeyRing({
      read: async () => {
        if (state.broken) throw new Error("the disk is gone");
        return state.rows;
      },
      clock,
      encryption,
      onUnusable: (id, why) => unusable.push([id, why]),
    });
    await ring.refresh();
    return { ring, state };
  };

  test("finds a pair with its secret and its principal, and no other", async () => {
    const clock = new TestClock();
    const [mine, other] = [make({}, clock.now()), make({ id: "other" }, clock.now())];
    const { ring } = await ringOf(clock, mine.stored, other.stored);
    expect(ring.find(mine.accessKeyId)).toEqual({ secretAccessKey: mine.secretAccessKey, principal });
    expect(ring.find(other.accessKeyId)).toMatchObject({ secretAccessKey: other.secretAccessKey });
    for (const id of [
      "",
      "LKEYAAAAAAAAAAAAAAAA",
      mine.accessKeyId.toLowerCase(),
      "__proto__",
      `${mine.accessKeyId} `,
    ]) {
      expect(ring.find(id)).toBeUndefined();
    }
    expect(Object.isFrozen(ring.find(mine.accessKeyId)?.principal)).toBe(true);
  });

  test("finds it to its last millisecond", async () => {
    const clock = new TestClock();
    const { accessKeyId, stored } = make({}, clock.now());
    const { ring } = await ringOf(clock, stored);
    clock.advance(90 * DAY - 1);
    await ring.refresh();
    expect(ring.find(accessKeyId)).toBeDefined();
    clock.advance(1);
    expect(ring.find(accessKeyId)).toBeUndefined();
  });

  test("finds it no more once it is revoked, at the next look, and says nothing of that", async () => {
    const clock = new TestClock();
    const { accessKeyId, stored } = make({}, clock.now());
    const { ring, state } = await ringOf(clock, stored);
    state.rows = [{ ...stored, revokedAt: clock.now(), sealedSecret: "" }];
    await ring.refresh();
    expect(ring.find(accessKeyId)).toBeUndefined();
    expect(unusable).toEqual([]);
  });

  test("fails closed when it could not look for 30 seconds", async () => {
    const clock = new TestClock();
    const { accessKeyId, stored } = make({}, clock.now());
    const { ring, state } = await ringOf(clock, stored);
    state.broken = true;
    clock.advance(30_000);
    await expect(ring.refresh()).rejects.toThrow("the disk is gone");
    expect(ring.find(accessKeyId)).toBeDefined();
    clock.advance(1);
    expect((await refusal(() => ring.find(accessKeyId))).code).toBe("audit-unreadable");
  });

  test("holds no API keys, nor does the ring of API keys hold pairs", async () => {
    const clock = new TestClock();
    const { stored } = make({}, clock.now());
    const { sealedSecret: _, sealedUnder: __, ...rest } = stored;
    const apiKey = { ...rest, secretHash: "0".repeat(64) };
    const apiKeys = createKeyRing({ read: async () => [stored], clock });
    const pairs = createAwsKeyRing({ read: async () => [apiKey], clock, encryption, onUnusable: () => {} });
    await Promise.all([apiKeys.refresh(), pairs.refresh()]);
    expect(apiKeys.find(stored.id)).toBeUndefined();
    expect(pairs.find(stored.id)).toBeUndefined();
  });

  const mine = make({}, new TestClock().now());
  const other = make({ id: "admin" }, new TestClock().now());
  test.each<[string, Partial<StoredAwsKey>]>([
    ["another's secret", { sealedSecret: other.stored.sealedSecret }],
    ["another's principal", { principal: other.stored.principal, principalJson: other.stored.principalJson }],
    ["another group", { principalJson: mine.stored.principalJson.replace("rotation", "admins") }],
    ["another IAM user", { principalJson: mine.stored.principalJson.replace('"ci"', '"root"') }],
    ["another principal to be counted for", { principal: "lockkeeper admin" }],
    ["a later end", { expiresAt: mine.stored.expiresAt + 1 }],
    ["another beginning", { createdAt: mine.stored.createdAt + 1 }],
    ["another id", { id: other.accessKeyId }],
    ["a key that is not configured", { sealedUnder: "0".repeat(16) }],
    ["no secret", { sealedSecret: "" }],
  ])(
    "holds nothing of a row that was given %s, tells which and why once, and keeps the others",
    async (_what, parts) => {
      const clock = new TestClock();
      const good = make({ id: "good" }, clock.now());
      const forged = { ...mine.stored, ...parts };
      const { ring, state } = await ringOf(clock, forged, good.stored);
      expect(ring.find(forged.id)).toBeUndefined();
      expect(ring.find(good.accessKeyId)).toBeDefined();
      expect(unusable).toEqual([[forged.id, expect.stringMatching(/./)]]);
      await ring.refresh();
      expect(unusable).toHaveLength(1);
      state.rows = [{ ...mine.stored }, good.stored];
      await ring.refresh();
      expect(ring.find(mine.accessKeyId)).toEqual({ secretAccessKey: mine.secretAccessKey, principal });
    },
  );
});

describe("a key pair that is encrypted anew", () => {
  const rotated = encryptionKeys(two, [one]);

  test("is the same pair, under the new key alone", () => {
    const { stored, secretAccessKey } = make();
    const again = resealAwsKey(stored, rotated);
    if ("fault" in again) throw new Error(again.fault);
    const { replaces, ...row } = again.resealed;
    expect(replaces).toBe(stored.sealedSecret);
    expect(again.principal).toEqual(principal);
    const next = { ...stored, ...row };
    expect(openAwsKey(next, encryptionKeys(two, []))).toEqual({ secretAccessKey, principal });
    expect(openAwsKey(next, encryption)).toEqual({ fault: expect.stringContaining("not configured") });
  });

  test("is not made of one that was tampered with: that would make it good", () => {
    const { stored } = make();
    const forged = { ...stored, expiresAt: stored.expiresAt + DAY };
    expect(resealAwsKey(forged, rotated)).toEqual({ fault: expect.stringContaining("not as it was written") });
  });
});
