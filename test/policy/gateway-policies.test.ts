import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { zoneWithHour } from "../../src/cli/dev/hour.ts";
import { sandboxConfig } from "../../src/config.ts";
import { type Gateway, startGateway } from "../../src/gateway.ts";
import { createLog } from "../../src/log.ts";
import { sandboxCredentials } from "../../src/sandbox/iam/seed.ts";
import { startSandboxIam } from "../../src/sandbox/iam/server.ts";
import { sandboxKeyPairs, sandboxTokens } from "../../src/sandbox/principals.ts";
import { dataFolder } from "../fixture/data-folder.ts";
import { keys, release, siteData } from "./living-policies.ts";
import { keyPair, writeKeys } from "./signed-bundles.ts";

const { log } = createLog({ level: "silent", format: "json" });
let iam: Awaited<ReturnType<typeof startSandboxIam>>;
let folder: ReturnType<typeof dataFolder>;
let gateway: Gateway;
/** What the bundle service gives; undefined when it is down. */
let published: { readonly bytes: Uint8Array; readonly etag: string } | undefined;
const service = createServer((request, response) => {
  if (published === undefined) return void response.writeHead(503).end();
  const { bytes, etag } = published;
  if (request.headers["if-none-match"] === etag) return void response.writeHead(304).end();
  response.writeHead(200, { etag }).end(bytes);
});
beforeAll(async () => {
  iam = await startSandboxIam();
  await new Promise<void>((resolve) => service.listen(0, "127.0.0.1", resolve));
});
afterAll(async () => {
  await iam.close();
  service.close();
});

async function start(): Promise<void> {
  const config = sandboxConfig(iam.url, { LOCKKEEPER_LISTEN: "127.0.0.1:0", LOCKKEEPER_DATA_DIR: folder.path });
  const { public: keyFile } = writeKeys(folder.path, keys);
  gateway = await startGateway({
    config: {
      ...config,
      limits: { ...config.limits, whatIfs: { perMinute: 1_000_000 } },
      policy: {
        ...config.policy,
        url: `http://127.0.0.1:${(service.address() as AddressInfo).port}/bundle.tar.gz`,
        pollMs: 100,
        maxAgeHours: 24,
        // By day, whenever this runs: policies may ask for more at night.
        timeZone: zoneWithHour(9, Date.now()),
        verification: { keyFile, algorithm: "ES256" },
      },
    },
    log,
    validateResponses: true,
    sandbox: {
      tokens: sandboxTokens("127.0.0.1"),
      keyPairs: sandboxKeyPairs("127.0.0.1"),
      credentials: sandboxCredentials,
      policyData: siteData,
    },
  });
}
const publish = async (revision: string, minute: number) => {
  published = { bytes: await release(revision, minute), etag: `"${revision}"` };
};
beforeEach(async () => {
  folder = dataFolder();
  await publish("r1", 1);
  await start();
});
afterEach(async () => {
  await gateway.close();
  folder.remove();
});

async function ask(): Promise<{ readonly status: number; readonly allow?: boolean; readonly revision?: string }> {
  const reply = await fetch(`${gateway.url}/v1/decisions`, {
    method: "POST",
    headers: { authorization: "Bearer sandbox-oncall", "content-type": "application/json" },
    body: JSON.stringify({
      credential: { type: "access-key", id: "AKIAIOSFODNN7EXAMPLE", userName: "Bob" },
      status: "Inactive",
    }),
  });
  return { status: reply.status, ...(await reply.json()) };
}
const readiness = async () => (await fetch(`${gateway.url}/readyz`)).json();
const metrics = async () => (await fetch(`${gateway.url}/metrics`)).text();

describe("a running gateway", () => {
  it("tells of a bundle that is dated ahead of its clock, and takes the next that is not", async () => {
    await publish("r9", Date.now() / 60_000 + 60);
    await expect.poll(async () => (await readiness()).policy.trouble?.code).toBe("bundle-postdated");
    expect(await metrics()).toMatch(/lockkeeper_policy_updates_total\{result="refused",code="bundle-postdated"\} 1/);
    await publish("r2", 2);
    await expect.poll(async () => (await ask()).revision).toBe("r2");
  });

  it("takes a new bundle without losing a request, and refuses a broken and an older one, saying why", async () => {
    expect(await ask()).toMatchObject({ status: 200, allow: true, revision: "r1" });
    const seen: { status: number; allow?: boolean; revision?: string }[] = [];
    let over = false;
    const callers = Array.from({ length: 4 }, async () => {
      while (!over) seen.push(await ask());
    });
    await publish("r2", 2);
    await expect.poll(async () => (await ask()).revision).toBe("r2");
    over = true;
    await Promise.all(callers);
    expect(seen.filter(({ status, allow }) => status !== 200 || allow !== true)).toEqual([]);
    expect(await readiness()).toMatchObject({ status: "ready", policy: { state: "current" } });
    expect(await metrics()).toMatch(/^lockkeeper_policy_behind 0$/m);

    published = { bytes: Buffer.from("broken"), etag: '"broken"' };
    await expect.poll(async () => (await readiness()).policy.trouble?.code).toBe("bundle-unreadable");
    await publish("r1", 1);
    await expect.poll(async () => (await readiness()).policy.trouble?.code).toBe("bundle-older");
    expect(await readiness()).toMatchObject({ status: "ready", policy: { state: "behind" } });
    expect(await ask()).toMatchObject({ allow: true, revision: "r2" });
    expect(await metrics()).toMatch(/lockkeeper_policy_updates_total\{result="refused",code="bundle-older"\} 1/);
    expect(await metrics()).toMatch(/lockkeeper_policy_info\{revision="r2"/);
    expect(await metrics()).toMatch(/^lockkeeper_policy_behind 1$/m);
    const confirmedAt = Date.parse((await readiness()).policy.confirmedAt) / 1000;
    expect(await metrics()).toContain(`\nlockkeeper_policy_confirmed_timestamp_seconds ${confirmedAt}\n`);
    expect(await metrics()).toMatch(/^lockkeeper_policy_max_age_seconds 86400$/m);
  });

  it("starts with the last good bundle when the service is away, and says so", async () => {
    await publish("r2", 2);
    await expect.poll(async () => (await ask()).revision).toBe("r2");
    await gateway.close();
    published = undefined;
    await start();
    expect(await ask()).toMatchObject({ allow: true, revision: "r2" });
    expect(await readiness()).toMatchObject({
      status: "ready",
      policy: { state: "behind", trouble: { code: "update-failed" } },
    });
  });

  it("does not start with a bundle that somebody else has signed", async () => {
    await gateway.close();
    folder.remove();
    folder = dataFolder();
    const other = keyPair("ES256").privateKey;
    published = { bytes: await release("r3", 3, {}, other), etag: '"r3"' };
    await expect(start()).rejects.toMatchObject({ code: "policy-unavailable" });
    await publish("r1", 1);
    await start();
  });
});
