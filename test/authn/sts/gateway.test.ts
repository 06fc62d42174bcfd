import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { whoAmI } from "../../../src/cli/look-up.ts";
import { createClient } from "../../../src/client/client.ts";
import { systemClock } from "../../../src/clock.ts";
import { sandboxConfig } from "../../../src/config.ts";
import { type Gateway, startGateway } from "../../../src/gateway.ts";
import { createLog } from "../../../src/log.ts";
import { sandboxCredentials } from "../../../src/sandbox/iam/seed.ts";
import { type SandboxIam, startSandboxIam } from "../../../src/sandbox/iam/server.ts";
import { sandboxKeyPairs, sandboxTokens } from "../../../src/sandbox/principals.ts";
import site from "../../../src/sandbox/site.json" with { type: "json" };
import { dataFolder } from "../../fixture/data-folder.ts";
import { openToRead } from "../../fixture/database.ts";
import { account, alice, bob, proofOf, stsConfig } from "./proofs.ts";
import { StrictSts } from "./strict-sts.ts";

let folder: ReturnType<typeof dataFolder>;
let iam: SandboxIam;
let sts: StrictSts;
let gateway: Gateway;
beforeEach(async () => {
  folder = dataFolder();
  [iam, sts] = await Promise.all([startSandboxIam(), new StrictSts([alice, bob], { now: Date.now }).listen()]);
  const config = sandboxConfig(iam.url, { LOCKKEEPER_LISTEN: "127.0.0.1:0", LOCKKEEPER_DATA_DIR: folder.path });
  const principals = { ...site.site.roles.principals, [`sts:${account} user/team/alice`]: ["oncall"] };
  gateway = await startGateway({
    config: { ...config, authn: { ...config.authn, sts: stsConfig(sts.url, { trustUserNames: true }) } },
    log: createLog({ level: "silent", format: "json" }).log,
    sandbox: {
      tokens: sandboxTokens("127.0.0.1"),
      keyPairs: sandboxKeyPairs("127.0.0.1"),
      credentials: sandboxCredentials,
      policyData: { site: { ...site.site, roles: { ...site.site.roles, principals } } },
    },
    validateResponses: true,
  });
});
afterEach(async () => {
  await gateway.close();
  await Promise.all([iam.close(), sts.close()]);
  folder.remove();
});

async function switchOff(key: typeof alice, userName: string, id: string) {
  const proof = await proofOf(key, stsConfig(sts.url), Date.now());
  return fetch(`${gateway.url}/v1/status-changes`, {
    method: "POST",
    headers: { authorization: `AWS-STS ${proof}`, "content-type": "application/json" },
    body: JSON.stringify({ credential: { type: "access-key", id, userName }, status: "Inactive" }),
  });
}

describe("a caller whom AWS vouches for", () => {
  test("is judged by policy as any other, and is on record as who AWS says", async () => {
    const response = await switchOff(alice, "Bob", "AKIAIOSFODNN7EXAMPLE");
    expect([response.status, await response.json()]).toEqual([201, expect.objectContaining({ outcome: "applied" })]);
    const database = openToRead(folder.database);
    const bodies = database
      .prepare("SELECT CAST(body AS TEXT) AS body FROM records")
      .all()
      .map(({ body }) => String(body));
    database.close();
    const record = bodies.find((body) => body.includes('"protocol_name":"sts"'));
    expect(record).toContain('"uid":"user/team/alice"');
    expect(record).toContain(`"issuer":"sts:${account}"`);
    expect(bodies.join()).not.toContain("Signature=");
  });

  test("has the typed client and the commands for people, too", async () => {
    const proof = async () => `AWS-STS ${await proofOf(alice, stsConfig(sts.url), Date.now())}`;
    const client = createClient({ baseUrl: gateway.url, token: proof });
    expect(await client.principal()).toMatchObject({ id: "user/team/alice", authn: "sts" });
    const printed: string[] = [];
    const output = { print: (line: string) => printed.push(line), note: (line: string) => printed.push(line) };
    const env = { LOCKKEEPER_URL: gateway.url, LOCKKEEPER_TOKEN: await proof() };
    expect(await whoAmI({ output, clock: systemClock, env }, {})).toBe(0);
    expect(printed[0]).toMatch(/^user\/team\/alice, a human, says sts:/);
  });

  test("owns the credentials of the IAM user that they are, and nobody else's", async () => {
    expect((await switchOff(bob, "Bob", "AKIAIOSFODNN7EXAMPLE")).status).toBe(201);
    expect((await switchOff(bob, "break-glass", "AKIABREAKGLASSEXAMPL")).status).toBe(403);
  });

  test("gets 401 with a wrong secret", async () => {
    const { status } = await switchOff({ ...alice, secretAccessKey: "wrong" }, "Bob", "AKIAIOSFODNN7EXAMPLE");
    expect(status).toBe(401);
  });

  test("gets 429 when its address has as many proofs looked at as it may, which is on record", async () => {
    const opened = Promise.withResolvers<void>();
    sts.before = () => opened.promise;
    const forgery = (n: number) => ({ ...alice, secretAccessKey: `guess ${n}` });
    const forgeries = Array.from({ length: 8 }, (_, n) => switchOff(forgery(n), "Bob", "AKIAIOSFODNN7EXAMPLE"));
    await vi.waitFor(() => expect(sts.received).toHaveLength(8), { timeout: 20_000, interval: 20 });
    const refused = await switchOff(alice, "Bob", "AKIAIOSFODNN7EXAMPLE");
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "1"]);
    opened.resolve();
    expect((await Promise.all(forgeries)).map(({ status }) => status)).toEqual(Array(8).fill(401));
    expect((await switchOff(alice, "Bob", "AKIAIOSFODNN7EXAMPLE")).status).toBe(201);
    await gateway.close();
    const database = openToRead(folder.database);
    const counted = database
      .prepare("SELECT CAST(body AS TEXT) AS body FROM records WHERE code = 'lockkeeper.rate-limited'")
      .all()
      .map(({ body }) => JSON.parse(String(body)));
    database.close();
    expect(counted).toMatchObject([{ count: 1, status_code: "unverifiedProofs", src_endpoint: { ip: "127.0.0.1" } }]);
  });

  test("gets 503 while AWS cannot be asked", async () => {
    sts.instead = (response) => response.destroy();
    const response = await switchOff(alice, "Bob", "AKIAIOSFODNN7EXAMPLE");
    expect([response.status, response.headers.get("retry-after")]).toEqual([503, "5"]);
    expect(await response.json()).toMatchObject({ type: "urn:lockkeeper:problem:authentication-unavailable" });
  });
});
