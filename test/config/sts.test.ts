import { describe, expect, test } from "vitest";
import { loadConfig, sandboxConfig } from "../../src/config.ts";
import { refusal } from "../fixture/errors.ts";

const required = {
  LOCKKEEPER_IAM_ACCOUNT: "123456789012",
  LOCKKEEPER_POLICY_DATA_FILE: "/site.json",
  LOCKKEEPER_AUDIT_SIGNING_KEY_FILE: "/signing-key",
};
const sts = {
  LOCKKEEPER_STS_ENDPOINT: "https://sts.eu-central-1.amazonaws.com",
  LOCKKEEPER_STS_REGION: "eu-central-1",
  LOCKKEEPER_STS_SERVER_ID: "lockkeeper.example.com",
  LOCKKEEPER_STS_ACCOUNTS: "123456789012, 210987654321",
};
const load = (env: Record<string, string>) => loadConfig({ env: { ...required, ...env }, readable: () => true });
const placesOf = async (act: () => unknown) => (await refusal(act)).details.faults?.map(({ at }) => at);

describe("callers whom AWS vouches for", () => {
  test("are nobody unless they are configured", () => {
    expect(load({}).authn.sts).toBeUndefined();
  });

  test("need an endpoint, a region, this gateway's name and their accounts; the rest is filled in", async () => {
    expect(load(sts).authn.sts).toEqual({
      enabled: true,
      endpoint: "https://sts.eu-central-1.amazonaws.com",
      region: "eu-central-1",
      serverId: "lockkeeper.example.com",
      accounts: ["123456789012", "210987654321"],
      userKind: "human",
      trustUserNames: false,
      timeoutMs: 3000,
    });
    const missing = await placesOf(() => load({ LOCKKEEPER_STS_ENABLED: "true" }));
    expect(missing).toEqual(["endpoint", "region", "serverId", "accounts"].map((name) => `authn.sts.${name}`));
  });

  test("are enough: nobody else needs a way in, unless they are switched off", async () => {
    const alone = { ...sts, LOCKKEEPER_API_KEYS_ENABLED: "false" };
    expect(load(alone).authn.apiKeys.enabled).toBe(false);
    expect(await placesOf(() => load({ ...alone, LOCKKEEPER_STS_ENABLED: "false" }))).toEqual(["authn"]);
  });

  test.each([
    ["LOCKKEEPER_STS_ENDPOINT", "http://sts.eu-central-1.amazonaws.com"],
    ["LOCKKEEPER_STS_ENDPOINT", "https://sts.eu-central-1.amazonaws.com/path"],
    ["LOCKKEEPER_STS_ENDPOINT", "https://sts.eu-central-1.amazonaws.com?Action=GetSessionToken"],
    ["LOCKKEEPER_STS_ENDPOINT", "https://sts.eu-central-1.amazonaws.com?"],
    ["LOCKKEEPER_STS_ENDPOINT", "https://name:word@sts.eu-central-1.amazonaws.com"],
    ["LOCKKEEPER_STS_REGION", "Frankfurt"],
    ["LOCKKEEPER_STS_SERVER_ID", "a b"],
    ["LOCKKEEPER_STS_SERVER_ID", "a,b"],
    ["LOCKKEEPER_STS_ACCOUNTS", "1234"],
    ["LOCKKEEPER_STS_ACCOUNTS", "*"],
    ["LOCKKEEPER_STS_USER_KIND", "robot"],
    ["LOCKKEEPER_STS_TIMEOUT_MS", "60000"],
  ])("are refused with %s=%s", async (name, value) => {
    const places = await placesOf(() => load({ ...sts, [name]: value }));
    expect(places?.length).toBeGreaterThan(0);
    expect(places?.every((place) => place.endsWith(`(${name})`))).toBe(true);
  });

  test("cannot come to the sandbox", async () => {
    const names = Object.keys(sts);
    expect((await placesOf(() => sandboxConfig("http://127.0.0.1:4566", sts)))?.sort()).toEqual(names.sort());
  });
});
