import { describe, expect, test } from "vitest";
import { createApiKeyProof } from "../../src/authn/api-key-proof.ts";
import { createApiKey } from "../../src/authn/api-keys.ts";
import { createAuthenticator } from "../../src/authn/authenticate.ts";
import { unauthenticated } from "../../src/authn/failure.ts";
import { createKeyRing } from "../../src/authn/key-ring.ts";
import type { Principal } from "../../src/authn/principal.ts";
import { sandboxKeyPairs, sandboxTokens } from "../../src/sandbox/principals.ts";
import { TestClock } from "../fixture/clock.ts";
import { allOf, refusal } from "../fixture/errors.ts";

const clock = new TestClock();
const sourceIp = "192.0.2.1";
const keyPrincipal = { id: "ci", issuer: "lockkeeper", kind: "service", groups: [], authn: "api-key" } as const;
const { key, stored } = createApiKey({ principal: keyPrincipal, now: clock.now() });
const tokenPrincipal: Principal = {
  id: "alice",
  issuer: "https://idp.example",
  kind: "human",
  groups: [],
  authn: "jwt",
};

async function authenticator({ sandbox = false } = {}) {
  const ring = createKeyRing({ read: async () => [stored], clock });
  await ring.refresh();
  const tried: string[] = [];
  const authenticate = createAuthenticator({
    apiKey: createApiKeyProof(ring, clock),
    accessToken: async (token) => {
      tried.push(token);
      if (token !== "good.access.token") throw unauthenticated("a bad token");
      return tokenPrincipal;
    },
    ...(sandbox && { sandboxTokens: sandboxTokens("127.0.0.1") }),
  });
  return { tried, ask: (authorization: string | undefined) => authenticate({ authorization, sourceIp }) };
}

describe("the Authorization header", () => {
  test("leads each kind of token to its own proof, whatever the scheme's case", async () => {
    const { ask, tried } = await authenticator({ sandbox: true });
    expect(await ask(`Bearer ${key}`)).toEqual(keyPrincipal);
    expect(await ask(`bEARER ${key}`)).toEqual(keyPrincipal);
    expect(await ask("Bearer sandbox-oncall")).toMatchObject({ issuer: "sandbox", id: "oncall" });
    expect(tried).toEqual([]);
    expect(await ask("Bearer good.access.token")).toEqual(tokenPrincipal);
  });

  test("that is missing gets another sentence than one that is wrong", async () => {
    const { ask } = await authenticator();
    const missing = await refusal(ask(undefined));
    expect(missing.code).toBe("unauthenticated");
    expect(missing.message).toContain("Authorization: Bearer");
    expect(missing.message).not.toBe((await refusal(ask("Bearer wrong"))).message);
  });

  test.each([
    "",
    "Bearer",
    "Bearer ",
    key,
    `Bearer  ${key}`,
    `Bearer\t${key}`,
    ` Bearer ${key}`,
    `Bearer ${key} `,
    `Bearer ${key},Bearer ${key}`,
    `Bearer ${key}, Basic x`,
    `Basic ${key}`,
    `Basic x, Bearer ${key}`,
    `DPoP ${key}`,
    `NotBearer ${key}`,
    `Bearer "${key}"`,
    `Bearer ${key}\u0000`,
    "Bearer =",
    "Bearer ü",
  ])("%j is refused, and not even looked at", async (authorization) => {
    const { ask, tried } = await authenticator();
    const error = await refusal(ask(authorization));
    expect(error.code).toBe("unauthenticated");
    expect(tried).toEqual([]);
    expect(allOf(error)).not.toContain(key);
  });

  test("may hold a token of 8 KiB, and no longer one", async () => {
    const { ask, tried } = await authenticator();
    await refusal(ask(`Bearer ${"a".repeat(8_192)}`));
    expect(tried).toHaveLength(1);
    await refusal(ask(`Bearer ${"a".repeat(8_193)}`));
    await refusal(ask(`Bearer ${"=".repeat(1_000_000)}`));
    expect(tried).toHaveLength(1);
  });
});

describe("the AWS-STS scheme", () => {
  const awsPrincipal = { ...keyPrincipal, issuer: "sts:123456789012", authn: "sts" } as const;
  function stsAuthenticator() {
    const tried: string[] = [];
    const authenticate = createAuthenticator({
      callerIdentity: async (proof, source) => {
        tried.push(`${proof} from ${source}`);
        return awsPrincipal;
      },
      accessToken: async () => tokenPrincipal,
    });
    return { tried, ask: (authorization: string) => authenticate({ authorization, sourceIp }) };
  }

  test("leads to AWS's proof, whatever its case, and nothing else does", async () => {
    const { ask, tried } = stsAuthenticator();
    expect(await ask("AWS-STS eyJ_-0")).toEqual(awsPrincipal);
    expect(await ask("aws-sts eyJ_-0")).toEqual(awsPrincipal);
    expect(await ask("Bearer eyJ_-0")).toEqual(tokenPrincipal);
    expect(tried).toEqual(["eyJ_-0 from 192.0.2.1", "eyJ_-0 from 192.0.2.1"]);
  });

  test.each([
    "AWS-STS",
    "AWS-STS ",
    "AWS-STS  eyJ",
    "AWS-STS eyJ=",
    "AWS-STS ey+J",
    "AWS-STS eyJ eyJ",
    "AWS-STS eyJ, Bearer a.b.c",
    "Bearer a.b.c, AWS-STS eyJ",
    " AWS-STS eyJ",
    "AWS-STS eyJ\n",
    `AWS-STS ${"a".repeat(8_192)}`,
  ])("%j is refused, and not even looked at", async (authorization) => {
    const { ask, tried } = stsAuthenticator();
    expect((await refusal(ask(authorization))).code).toBe("unauthenticated");
    expect(tried).toEqual([]);
  });

  test("is refused where it is not opened", async () => {
    const { ask, tried } = await authenticator();
    expect((await refusal(ask("AWS-STS eyJ"))).code).toBe("unauthenticated");
    expect(tried).toEqual([]);
  });
});

describe("what the configuration does not open", () => {
  test("sandbox tokens are nothing outside the sandbox", async () => {
    const { ask } = await authenticator();
    expect((await refusal(ask("Bearer sandbox-admin"))).code).toBe("unauthenticated");
  });

  test("a key is not tried as anything else where keys are off, and a token not where there is no issuer", async () => {
    const tried: string[] = [];
    const noKeys = createAuthenticator({
      accessToken: async (token) => {
        tried.push(token);
        return tokenPrincipal;
      },
    });
    expect((await refusal(noKeys({ authorization: `Bearer ${key}`, sourceIp }))).code).toBe("unauthenticated");
    expect(tried).toEqual([]);
    const nothing = createAuthenticator({});
    const errors = await Promise.all(
      [`Bearer ${key}`, "Bearer good.access.token", "Bearer sandbox-admin"].map((authorization) =>
        refusal(nothing({ authorization, sourceIp })),
      ),
    );
    expect(new Set(errors.map(({ message }) => message)).size).toBe(1);
    for (const error of errors) expect(allOf(error)).not.toContain(key);
  });

  test("a name that every object has is no sandbox token", async () => {
    const { ask } = await authenticator({ sandbox: true });
    for (const name of ["constructor", "__proto__", "toString"]) {
      expect((await refusal(ask(`Bearer ${name}`))).code).toBe("unauthenticated");
    }
  });
});

describe("the sandbox's principals", () => {
  test("are eight, each with its kind, and IAM users where they have one", () => {
    const principals = [...sandboxTokens("localhost")].map(([token, { id, kind, userName, issuer, authn }]) => {
      expect(token).toBe(`sandbox-${id}`);
      expect({ issuer, authn }).toEqual({ issuer: "sandbox", authn: "sandbox-token" });
      return [id, kind, userName];
    });
    expect(principals).toEqual([
      ["oncall", "human", undefined],
      ["admin", "human", undefined],
      ["chatops", "bot", undefined],
      ["ticketing", "service", undefined],
      ["viewer", "human", undefined],
      ["auditor", "human", undefined],
      ["bob", "human", "Bob"],
      ["sofia", "human", "sofia"],
    ]);
  });

  test("have key pairs for AWS clients too, under the same ids", () => {
    const pairs = sandboxKeyPairs("127.0.0.1");
    expect(pairs.get("AKIASANDBOXONCALL")).toEqual({
      secretAccessKey: "sandbox-oncall-secret",
      principal: { id: "oncall", issuer: "sandbox", kind: "human", groups: [], authn: "sigv4" },
    });
    expect(pairs.get("AKIASANDBOXSOFIA")?.principal).toMatchObject({ id: "sofia", userName: "sofia" });
    const ids = [...sandboxTokens("127.0.0.1").values()].map(({ id }) => id);
    expect([...pairs.values()].map(({ principal }) => principal.id)).toEqual(ids);
    for (const accessKeyId of pairs.keys()) expect(accessKeyId).toMatch(/^\w+$/);
  });

  test.each(["0.0.0.0", "::", "192.0.2.7", "gateway.example"])("are not to be had on %s", async (host) => {
    expect((await refusal(() => sandboxTokens(host))).code).toBe("configuration");
    expect((await refusal(() => sandboxKeyPairs(host))).code).toBe("configuration");
  });
});
