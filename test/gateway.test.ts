import { createServer } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Clock } from "../src/clock.ts";
import { systemClock } from "../src/clock.ts";
import { sandboxConfig } from "../src/config.ts";
import { type Gateway, startGateway } from "../src/gateway.ts";
import { createLog } from "../src/log.ts";
import { sandboxCredentials } from "../src/sandbox/iam/seed.ts";
import { type SandboxIam, startSandboxIam } from "../src/sandbox/iam/server.ts";
import { sandboxKeyPairs, sandboxTokens } from "../src/sandbox/principals.ts";
import site from "../src/sandbox/site.json" with { type: "json" };
import { recordedSteps } from "./faults/gate.ts";
import { dataFolder } from "./fixture/data-folder.ts";
import { parseExposition, sample } from "./metrics/exposition.ts";

const { log } = createLog({ level: "silent", format: "json" });
let folder: ReturnType<typeof dataFolder>;
let iam: SandboxIam;
let gateway: Gateway | undefined;
beforeEach(async () => {
  folder = dataFolder();
  iam = await startSandboxIam();
});
afterEach(async () => {
  await gateway?.close();
  gateway = undefined;
  await iam.close();
  folder.remove();
});

interface Parts {
  readonly shutdown?: { readonly announceMs: number; readonly graceMs: number };
  readonly listen?: string;
  readonly clock?: Clock;
}

async function start({ shutdown = { announceMs: 0, graceMs: 7_000 }, listen = "127.0.0.1:0", clock }: Parts = {}) {
  const env = { LOCKKEEPER_LISTEN: listen, LOCKKEEPER_DATA_DIR: folder.path };
  gateway = await startGateway({
    config: { ...sandboxConfig(iam.url, env), shutdown },
    log,
    sandbox: {
      tokens: sandboxTokens("127.0.0.1"),
      keyPairs: sandboxKeyPairs("127.0.0.1"),
      credentials: sandboxCredentials,
      policyData: site,
    },
    ...(clock && { clock }),
  });
  return gateway;
}

const events = () => [...recordedSteps(folder.database).values()].flat();

describe("stopping a gateway", () => {
  it("waits for a change that was cut off, and then writes what became of it", async () => {
    const { url, close } = await start({ shutdown: { announceMs: 0, graceMs: 0 } });
    const held = Promise.withResolvers<void>();
    iam.beforeAnswer = () => held.promise;
    const answer = fetch(`${url}/v1/status-changes`, {
      method: "POST",
      headers: { authorization: "Bearer sandbox-oncall", "content-type": "application/json" },
      body: JSON.stringify({
        credential: { type: "access-key", id: "AKIAIOSFODNN7EXAMPLE", userName: "Bob" },
        status: "Inactive",
      }),
    }).catch(() => "cut off");
    await expect.poll(() => iam.journal.calls("UpdateAccessKey")).toBe(1);
    const closed = close();
    expect(await answer).toBe("cut off");
    held.resolve();
    await closed;
    expect(events()).toEqual([
      "lockkeeper.service.started",
      "lockkeeper.policy.activated",
      "lockkeeper.service.stopped",
      "credential.status.intent",
      "credential.status.outcome",
    ]);
  });

  it("says so in /readyz while it still takes requests, for as long as configured", async () => {
    let [announced, over] = [0, () => {}];
    const clock: Clock = {
      now: systemClock.now,
      sleep: (ms, signal) => {
        if (ms !== 12_345) return systemClock.sleep(ms, signal);
        announced += 1;
        return new Promise((resolve) => {
          over = resolve;
        });
      },
    };
    const { url, close } = await start({ shutdown: { announceMs: 12_345, graceMs: 7_000 }, clock });
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    const closed = close();
    const ready = await fetch(`${url}/readyz`);
    expect([ready.status, await ready.json()]).toMatchObject([503, { status: "draining" }]);
    const read = await fetch(`${url}/v1/users/Bob/credentials`, {
      headers: { authorization: "Bearer sandbox-oncall" },
    });
    expect(read.status).toBe(200);
    expect(announced).toBe(1);
    over();
    await closed;
    await expect(fetch(`${url}/livez`)).rejects.toThrow();
  });
});

describe("the metrics of a gateway", () => {
  it("tell of every part of it", async () => {
    const { url } = await start();
    for (const as of ["oncall", "viewer"]) {
      await fetch(`${url}/v1/status-changes`, {
        method: "POST",
        headers: { authorization: `Bearer sandbox-${as}`, "content-type": "application/json" },
        body: JSON.stringify({
          credential: { type: "access-key", id: "AKIAIOSFODNN7EXAMPLE", userName: "Bob" },
          status: "Inactive",
        }),
      });
    }
    const read = async () => parseExposition(await (await fetch(`${url}/metrics`)).text());
    // A request is counted when its caller has the reply, a reconciler's pass when it has ended.
    await expect
      .poll(async () => {
        const families = await read();
        const requests = sample(families, "lockkeeper_http_requests_total", { status: "403" });
        return [requests, sample(families, "lockkeeper_reconciler_active")];
      })
      .toEqual([1, 1]);
    const families = await read();
    const [info] = families.get("lockkeeper_policy_info")?.samples ?? [];
    const hex = expect.stringMatching(/^[0-9a-f]{64}$/);
    expect(info?.labels).toEqual({ revision: expect.any(String), wasm_digest: hex, data_digest: hex });
    expect(sample(families, "lockkeeper_decisions_total", { outcome: "deny" })).toBe(1);
    expect(sample(families, "lockkeeper_changes_total", { outcome: "applied" })).toBe(1);
    const operation = "UpdateAccessKey";
    expect(sample(families, "lockkeeper_iam_request_duration_seconds_count", { operation })).toBe(1);
    // Start, policies, intent, outcome, denial.
    expect(sample(families, "lockkeeper_audit_log_size")).toBe(5);
    expect(sample(families, "lockkeeper_audit_commit_duration_seconds_count")).toBeGreaterThanOrEqual(5);
    expect(sample(families, "lockkeeper_audit_healthy")).toBe(1);
    expect(sample(families, "lockkeeper_audit_queue_limit")).toBe(2_048);
  });
});

describe("a gateway that cannot start", () => {
  it("says that its port is taken, and leaves nothing open", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const address = other.address();
    const port = typeof address === "object" ? address?.port : 0;
    await expect(start({ listen: `127.0.0.1:${port}` })).rejects.toMatchObject({
      code: "configuration",
      message: expect.stringContaining("another program listens there already"),
    });
    expect(events()).toEqual([
      "lockkeeper.service.started",
      "lockkeeper.policy.activated",
      "lockkeeper.service.stopped",
    ]);
    other.close();
    // The lock on the folder is free again.
    await start();
  });

  it("does not wait for the log when AWS has refused it", async () => {
    iam.faults.next({ kind: "access-denied", action: "GetCallerIdentity", times: "always" });
    await expect(start()).rejects.toMatchObject({ code: "iam-refused" });
  });
});
