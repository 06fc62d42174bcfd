import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { zoneWithHour } from "../../src/cli/dev/hour.ts";
import { policyBuild } from "../../src/cli/policy-build.ts";
import { policySign } from "../../src/cli/policy-bundle.ts";
import { sandboxConfig } from "../../src/config.ts";
import { type Gateway, startGateway } from "../../src/gateway.ts";
import { createLog } from "../../src/log.ts";
import { loadBundle } from "../../src/policy/bundle.ts";
import type { SelfTestCase } from "../../src/policy/self-test.ts";
import { sandboxCredentials } from "../../src/sandbox/iam/seed.ts";
import { startSandboxIam } from "../../src/sandbox/iam/server.ts";
import { sandboxKeyPairs, sandboxTokens } from "../../src/sandbox/principals.ts";
import { TestClock } from "../fixture/clock.ts";
import { siteData } from "./living-policies.ts";
import { keyPair, testFolder, writeKeys } from "./signed-bundles.ts";

const { log } = createLog({ level: "silent", format: "json" });
const output = { print: () => {}, note: () => {} };
const folder = testFolder();
const policies = (...parts: string[]) => folder.path("policies", ...parts);
const changes = policies("lockkeeper", "changes", "changes.rego");
const keys = writeKeys(folder.path("keys"), keyPair("ES256"));
const others = writeKeys(folder.path("others"), keyPair("ES256"));
/** Of whoever builds. The gateway goes by the machine's, and takes nothing that is dated ahead of that. */
const clock = new TestClock(Date.parse("2020-11-21T09:30:00Z"));

/** What the bundle service gives. */
let published: Uint8Array = new Uint8Array();
const service = createServer((request, response) => {
  const etag = `"${Buffer.from(published).toString("base64url").slice(-40)}${published.length}"`;
  if (request.headers["if-none-match"] === etag) return void response.writeHead(304).end();
  response.writeHead(200, { etag }).end(published);
});
let iam: Awaited<ReturnType<typeof startSandboxIam>>;
let gateway: Gateway;

async function start(more: Readonly<Record<string, string>> = {}): Promise<void> {
  const config = sandboxConfig(iam.url, {
    LOCKKEEPER_LISTEN: "127.0.0.1:0",
    LOCKKEEPER_DATA_DIR: folder.path("data"),
    LOCKKEEPER_POLICY_URL: `http://127.0.0.1:${(service.address() as AddressInfo).port}/bundle.tar.gz`,
    LOCKKEEPER_POLICY_POLL_MS: "100",
    // By day, whenever this runs: policies may ask for more at night.
    LOCKKEEPER_POLICY_TIME_ZONE: zoneWithHour(9, Date.now()),
    LOCKKEEPER_POLICY_VERIFICATION_KEY_FILE: keys.public,
    LOCKKEEPER_POLICY_VERIFICATION_ALGORITHM: "ES256",
    LOCKKEEPER_LIMIT_CHANGES: "1000000",
    LOCKKEEPER_LIMIT_READS: "1000000",
    LOCKKEEPER_LIMIT_WHAT_IFS: "1000000",
    ...more,
  });
  gateway = await startGateway({
    config,
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

/** What an author does: builds, signs, and puts it where the gateway looks. */
async function publish(revision: string, key = keys.private): Promise<Uint8Array> {
  const out = folder.path("bundle.tar.gz");
  clock.advance(60_000);
  await policyBuild(output, clock, { folder: policies(), out, revision });
  await policySign(output, out, { key, algorithm: "ES256" });
  expect(loadBundle(out).revision).toBe(revision);
  published = Uint8Array.from(readFileSync(out));
  return published;
}

/** The policies' self-test is then one case, whether on-call may switch off. */
function expectSwitchOff(allow: boolean): void {
  const { data, cases } = JSON.parse(readFileSync("policies/selftest.json", "utf8"));
  const one = cases.find((each: SelfTestCase) => each.allow && JSON.stringify(each.input).includes('"Inactive"'));
  const selfTest = { data, cases: [{ ...one, name: "switch off", allow, reasons: [] }] };
  writeFileSync(policies("selftest.json"), JSON.stringify(selfTest));
}

function append(file: string, rule: string): () => void {
  const text = readFileSync(file, "utf8");
  writeFileSync(file, `${text}\n${rule}`);
  return () => writeFileSync(file, text);
}

async function ask(path: string, token: string, body?: object) {
  const reply = await fetch(`${gateway.url}${path}`, {
    method: body ? "POST" : "GET",
    headers: { authorization: `Bearer ${token}`, ...(body && { "content-type": "application/json" }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  return { status: reply.status, json: await reply.json() };
}
const credential = { type: "signing-certificate", id: "TA7SMP42TDN5Z26OBPJE7EXAMPLE", userName: "Bob" };
const off = () => ask("/v1/status-changes", "sandbox-oncall", { credential, status: "Inactive" });
const whatIf = () => ask("/v1/decisions", "sandbox-oncall", { credential, status: "Inactive" });
const look = () => ask("/v1/users/Bob/credentials", "sandbox-viewer");
const readiness = async () => (await fetch(`${gateway.url}/readyz`)).json();
const trouble = async () => (await readiness()).policy.trouble?.code;
const revision = async () => (await whatIf()).json.revision;
const refusals = async () => {
  const { json } = await ask("/v1/audit/records?code=lockkeeper.policy.refused&limit=100", "sandbox-auditor");
  return JSON.stringify(json);
};
const counted = async (code: string) => {
  const text = await (await fetch(`${gateway.url}/metrics`)).text();
  return new RegExp(`lockkeeper_policy_updates_total\\{result="refused",code="${code}"\\} (\\d+)`).exec(text)?.[1];
};

/** People who go on asking: changes, what-ifs and look-ups. Resolves with how each request was answered, when told to end. */
function traffic() {
  let over = false;
  const seen = new Map<string, number>();
  const caller = async (name: string, one: () => Promise<{ status: number }>) => {
    while (!over) {
      const answer = await one().then(
        ({ status }) => `${name} ${status}`,
        (error: unknown) => `${name} ${error}`,
      );
      seen.set(answer, (seen.get(answer) ?? 0) + 1);
    }
  };
  const all = Promise.all([caller("off", off), caller("what-if", whatIf), caller("look", look)]);
  return async () => {
    over = true;
    await all;
    return seen;
  };
}

beforeAll(async () => {
  cpSync("policies", policies(), { recursive: true });
  await new Promise<void>((resolve) => service.listen(0, "127.0.0.1", resolve));
  iam = await startSandboxIam();
});
afterAll(async () => {
  await iam.close();
  service.close();
  folder.remove();
});

describe("an author's policies, while requests go on", () => {
  it("come into force, are refused with the reason, and are undone, and no request is lost", async () => {
    const first = await publish("v1");
    await start();
    const answered = traffic();
    const codes = async () => (await whatIf()).json.reasons.map(({ code }: { code: string }) => code);
    await expect.poll(revision).toBe("v1");
    expect(await codes()).toEqual(["oncall-switch-off"]);

    // Another rule, at the end, whatever else is there.
    const undo = append(
      changes,
      'deny contains {"code": "frozen", "message": "On-call switches nothing off today."} if {\n\tswitch_off\n\t"oncall" in request.roles\n}\n',
    );
    expectSwitchOff(false);
    await publish("v2");
    await expect.poll(revision).toBe("v2");
    expect(await codes()).toEqual(["frozen"]);
    expect(await readiness()).toMatchObject({ status: "ready", policy: { state: "current" } });

    // One that does not do what its self-test says.
    expectSwitchOff(true);
    await publish("v3");
    await expect.poll(trouble).toBe("bundle-not-working");
    expect(await refusals()).toMatch(/v3 do not work: its self-test \\"switch off\\" failed/);
    // One that somebody else has signed; one that is none.
    await publish("v4", others.private);
    await expect.poll(trouble).toBe("bundle-signature");
    published = Uint8Array.from(Buffer.from("404 not found"));
    await expect.poll(trouble).toBe("bundle-unreadable");
    // An older one.
    published = first;
    await expect.poll(trouble).toBe("bundle-older");
    expect(await refusals()).toMatch(/v1 was built at 2020-11-21T09:31:00\.000Z, not after v2 \(2020-11-21T09:32/);
    for (const code of ["bundle-not-working", "bundle-signature", "bundle-unreadable", "bundle-older"]) {
      expect(await counted(code), code).toBe("1");
    }
    expect(await readiness()).toMatchObject({ status: "ready", policy: { state: "behind" } });
    expect(await revision()).toBe("v2");

    // The old policies, built anew, are the newest.
    undo();
    await publish("v5");
    await expect.poll(revision).toBe("v5");
    expect(await codes()).toEqual(["oncall-switch-off"]);
    expect(await readiness()).toMatchObject({ status: "ready", policy: { state: "current" } });

    const seen = await answered();
    expect([...seen.keys()].sort()).toEqual(["look 200", "off 201", "off 403", "what-if 200"]);
    await gateway.close();
  });

  it("go back to an older bundle when the operator names it", async () => {
    const old = await publish("v6");
    await start();
    await publish("v7");
    await expect.poll(revision).toBe("v7");
    await gateway.close();
    published = old;
    await start();
    expect(await revision()).toBe("v7");
    await gateway.close();
    await start({ LOCKKEEPER_POLICY_ALLOW_ROLLBACK_TO: "v6" });
    expect(await revision()).toBe("v6");
    expect(await trouble()).toBe(undefined);
    await gateway.close();
  });
});
