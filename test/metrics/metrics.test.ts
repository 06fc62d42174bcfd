import { register } from "@prometheus-io/client";
import { afterEach, describe, expect, it } from "vitest";
import { Reconciler } from "../../src/changes/reconcile.ts";
import { LockkeeperError } from "../../src/errors.ts";
import { type Gateway, type GatewayOptions, startGateway } from "../fixture/gateway.ts";
import { type Family, parseExposition, sample } from "./exposition.ts";

const certificate = { type: "signing-certificate", id: "TA7SMP42TDN5Z26OBPJE7EXAMPLE", userName: "Bob" };
const off = { credential: certificate, status: "Inactive" };

const open: Gateway[] = [];
async function start(options?: GatewayOptions): Promise<Gateway> {
  const gateway = await startGateway(options);
  open.push(gateway);
  return gateway;
}
afterEach(async () => {
  for (const gateway of open.splice(0)) await gateway.close();
});

const post = (gateway: Gateway, body: unknown = off, as = "oncall", path = "/v1/status-changes") =>
  gateway.request("POST", path, { body, as });

/** What `/metrics` shows when as many requests have been counted. A request is counted when its caller has the reply. */
async function shown(gateway: Gateway, requests = 0): Promise<ReadonlyMap<string, Family>> {
  for (;;) {
    const families = parseExposition((await gateway.request("GET", "/metrics", { as: null })).text);
    const counted = families.get("lockkeeper_http_requests_total")?.samples ?? [];
    const others = counted.filter(({ labels }) => labels["operation"] !== "metrics");
    if (others.reduce((sum, { value }) => sum + value, 0) >= requests) return families;
    await new Promise(setImmediate);
  }
}

describe("GET /metrics", () => {
  it("is well-formed text for Prometheus, for whoever asks, with every metric explained", async () => {
    const gateway = await start();
    const reply = await gateway.request("GET", "/metrics", { as: null });
    expect(reply.status).toBe(200);
    expect(reply.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    const families = [...parseExposition(reply.text).values()];
    for (const { name, help, type } of families) {
      expect(help).toMatch(/\.$/);
      expect(name).toMatch(type === "counter" ? /_total$/ : /[a-z]$/);
      expect(name).toMatch(/^(lockkeeper|process|nodejs)_/);
    }
    expect(sample(await shown(gateway), "lockkeeper_build_info", { version: "0.0.0-test" })).toBe(1);
  });

  it.each([
    "text/plain;version=0.0.4",
    "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
    "*/*",
  ])("is given to those who accept %s", async (accept) => {
    const gateway = await start();
    expect((await gateway.request("GET", "/metrics", { as: null, headers: { accept } })).status).toBe(200);
  });

  it("is for looking only", async () => {
    const gateway = await start();
    expect((await gateway.request("POST", "/metrics", { as: null, body: {} })).status).toBe(405);
  });

  it("belongs to one gateway: another one in the process has its own, and nothing is global", async () => {
    const [one, other] = [await start(), await start()];
    await post(one, off, "viewer");
    expect(sample(await shown(one, 1), "lockkeeper_decisions_total", { outcome: "deny" })).toBe(1);
    expect(sample(await shown(other), "lockkeeper_decisions_total", { outcome: "deny" })).toBeUndefined();
    expect(await register.metrics()).toBe("\n");
  });

  it("keeps its line out of the log, as the probes do", async () => {
    const gateway = await start();
    await shown(gateway);
    await shown(gateway);
    expect(gateway.log.lines.filter(({ level }) => level !== "debug")).toEqual([]);
  });
});

describe("what is counted", () => {
  it("decisions by what was asked, outcome, reason and front door", async () => {
    const gateway = await start();
    await post(gateway);
    await post(gateway, off, "viewer");
    await post(gateway, off, "viewer");
    await post(gateway, off, "oncall", "/v1/decisions");
    await gateway.request("GET", "/v1/users/Bob/credentials", { as: "viewer" });
    await gateway.request("GET", "/v1/users/Bob/credentials", { as: "sofia" });
    const families = await shown(gateway, 6);
    const decisions = (labels: Record<string, string>) => sample(families, "lockkeeper_decisions_total", labels);
    const reason = "oncall-switch-off";
    expect(decisions({ asked: "change", outcome: "allow", reason, channel: "rest" })).toBe(1);
    expect(decisions({ asked: "change", outcome: "deny", channel: "rest" })).toBe(2);
    expect(decisions({ asked: "what-if", outcome: "allow", reason, channel: "rest" })).toBe(1);
    expect(decisions({ asked: "read", outcome: "allow" })).toBe(1);
    expect(decisions({ asked: "read", outcome: "deny" })).toBe(1);
  });

  it("changes by what became of them, and what was read back of the unknown ones", async () => {
    const gateway = await start();
    const { metrics, standIn, clock, journal, iam } = gateway;
    await post(gateway);
    await post(gateway, { ...off, credential: { ...certificate, userName: "Nobody" } });
    standIn.faults.next({ kind: "reset-before", action: "UpdateSigningCertificate" });
    standIn.faults.next({ kind: "access-denied", action: "ListSigningCertificates", times: "always" });
    await post(gateway, { ...off, status: "Active", ticket: "SEC-1" });
    clock.advance(6_000);
    const before = await shown(gateway, 3);
    const changes = (outcome: string) => sample(before, "lockkeeper_changes_total", { outcome });
    expect([changes("applied"), changes("failed"), changes("unknown")]).toEqual([1, 1, 1]);
    expect(sample(before, "lockkeeper_changes_total", { type: "signing-certificate", status: "Active" })).toBe(1);
    expect(sample(before, "lockkeeper_audit_unsettled_changes")).toBe(1);
    expect(sample(before, "lockkeeper_reconciliations_total", { result: "unresolved" })).toBe(0);
    expect(sample(before, "lockkeeper_reconciler_active")).toBe(0);

    const reconciler = new Reconciler({
      iam,
      journal,
      clock,
      instance: "one",
      intervalMs: 10_000,
      iamDeadlineMs: 5_000,
      graceMs: 30_000,
      giveUpMs: 900_000,
      readDeadlineMs: 2_000,
      onSettled: (_, { result }) => metrics.settled(result),
      onFault: (error) => expect.unreachable(String(error)),
      onPass: metrics.passed,
    });
    clock.advance(1_000_000);
    await reconciler.pass();
    await reconciler.pass();
    const after = await shown(gateway, 3);
    expect(sample(after, "lockkeeper_reconciliations_total", { result: "unresolved" })).toBe(1);
    expect(sample(after, "lockkeeper_reconciler_active")).toBe(1);
  });

  it("calls to IAM with their time, and their errors by code", async () => {
    const gateway = await start();
    await post(gateway);
    gateway.standIn.faults.next({ kind: "access-denied", action: "UpdateSigningCertificate" });
    await post(gateway);
    gateway.standIn.faults.next({ kind: "reset-before", action: "UpdateSigningCertificate" });
    await post(gateway);
    await gateway.request("GET", "/v1/access-keys/AKIANOSUCHKEY0000000");
    const families = await shown(gateway, 4);
    const operation = "UpdateSigningCertificate";
    expect(sample(families, "lockkeeper_iam_request_duration_seconds_count", { operation })).toBe(3);
    expect(sample(families, "lockkeeper_iam_request_duration_seconds_sum", { operation })).toBeGreaterThan(0);
    expect(sample(families, "lockkeeper_iam_errors_total", { operation, code: "AccessDenied" })).toBe(1);
    expect(sample(families, "lockkeeper_iam_errors_total", { operation, code: "ECONNRESET" })).toBe(1);
    const lookUp = { operation: "GetAccessKeyLastUsed", code: "AccessDenied" };
    expect(sample(families, "lockkeeper_iam_errors_total", lookUp)).toBe(1);
    expect(
      sample(families, "lockkeeper_iam_request_duration_seconds_count", { operation: "ListSigningCertificates" }),
    ).toBeGreaterThanOrEqual(3);
  });

  it("requests by operation and status, those without an operation too", async () => {
    const gateway = await start();
    await post(gateway);
    await gateway.request("POST", "/v1/status-changes", { as: null, body: off });
    await gateway.request("GET", "/v1/nothing-secret-here");
    await gateway.request("GET", "/livez", { as: null });
    const families = await shown(gateway, 4);
    const requests = (operation: string, status: string) =>
      sample(families, "lockkeeper_http_requests_total", { operation, status });
    expect(requests("createStatusChange", "201")).toBe(1);
    expect(requests("none", "401")).toBe(1);
    expect(requests("none", "404")).toBe(1);
    expect(requests("livez", "200")).toBe(1);
    const name = "lockkeeper_http_request_duration_seconds_count";
    expect(sample(families, name, { operation: "createStatusChange" })).toBe(1);
  });
});

describe("what is shown of the audit log", () => {
  it("commits with their time and size, the log's own size, and that it is well", async () => {
    const gateway = await start();
    await post(gateway, off, "viewer");
    await post(gateway);
    const families = await shown(gateway, 2);
    expect(sample(families, "lockkeeper_audit_commit_duration_seconds_count")).toBe(3);
    expect(sample(families, "lockkeeper_audit_batch_operations_sum")).toBe(3);
    expect(sample(families, "lockkeeper_audit_commit_failures_total")).toBe(0);
    expect(sample(families, "lockkeeper_audit_log_size")).toBe(3);
    expect(sample(families, "lockkeeper_audit_healthy")).toBe(1);
    expect(sample(families, "lockkeeper_audit_poisoned")).toBe(0);
    expect(sample(families, "lockkeeper_audit_queue_length")).toBe(0);
    expect(sample(families, "lockkeeper_audit_queue_limit")).toBe(2_048);
  });

  it("how many wait, and that it is not well", async () => {
    const gateway = await start({ journal: (real) => ({ ...real, waiting: () => 7, healthy: () => false }) });
    const families = await shown(gateway);
    expect(sample(families, "lockkeeper_audit_queue_length")).toBe(7);
    expect(sample(families, "lockkeeper_audit_healthy")).toBe(0);
  });

  it("commits that failed, and that the log is not what it was, which stays so", async () => {
    const { metrics, ...gateway } = await start();
    metrics.committed({ operations: 1, seconds: 0.1, ok: false, poisoned: true });
    metrics.committed({ operations: 0, seconds: 0.1, ok: false, poisoned: false });
    const families = await shown({ metrics, ...gateway });
    expect(sample(families, "lockkeeper_audit_commit_failures_total")).toBe(2);
    expect(sample(families, "lockkeeper_audit_poisoned")).toBe(1);
  });

  it("nothing of what the store does not tell, and all the rest", async () => {
    const refuse = () => Promise.reject(new LockkeeperError("audit-unreadable", "The disk hangs."));
    const gateway = await start({ journal: (real) => ({ ...real, head: refuse, unsettled: refuse }) });
    const families = await shown(gateway);
    expect(sample(families, "lockkeeper_audit_log_size")).toBeUndefined();
    expect(sample(families, "lockkeeper_audit_unsettled_changes")).toBeUndefined();
    expect(sample(families, "lockkeeper_audit_healthy")).toBe(1);
  });

  it("without asking the store each time that somebody looks", async () => {
    let asked = 0;
    const gateway = await start({
      journal: (real) => ({
        ...real,
        head: () => {
          asked += 1;
          return real.head();
        },
      }),
    });
    await Promise.all(Array.from({ length: 50 }, () => gateway.request("GET", "/metrics", { as: null })));
    expect(asked).toBe(1);
  });

  it("the outside memories by what they are, and not where", async () => {
    const gateway = await start({
      outside: [
        { name: "file /var/lib/lockkeeper/head", lastSize: 12, ageMs: 0, failing: false },
        { name: "endpoint https://log.example", lastSize: undefined, ageMs: 61_000, failing: true },
      ],
    });
    const families = await shown(gateway);
    const of = (name: string, memory: string) => sample(families, `lockkeeper_outside_checkpoint_${name}`, { memory });
    expect([of("age_seconds", "file"), of("size", "file"), of("failing", "file")]).toEqual([0, 12, 0]);
    expect([of("age_seconds", "endpoint"), of("size", "endpoint"), of("failing", "endpoint")]).toEqual([
      61,
      undefined,
      1,
    ]);
    expect((await gateway.request("GET", "/metrics", { as: null })).text).not.toMatch(/example|var/);
  });
});

describe("what is shown of policies", () => {
  const policy = (families: ReadonlyMap<string, Family>, name: string) => sample(families, `lockkeeper_policy_${name}`);

  it("when their source has last confirmed them, and that they are its newest", async () => {
    const gateway = await start();
    const families = await shown(gateway);
    expect(policy(families, "confirmed_timestamp_seconds")).toBe(gateway.clock.now() / 1000);
    expect(policy(families, "behind")).toBe(0);
    expect(policy(families, "max_age_seconds")).toBeUndefined();
  });

  it("that they are behind it, and how old they may become", async () => {
    const trouble = { code: "bundle-older", since: 1_000 } as const;
    const gateway = await start({ policyState: { confirmedAt: 1_500, trouble }, policyMaxAgeMs: 86_400_000 });
    const families = await shown(gateway);
    expect(policy(families, "confirmed_timestamp_seconds")).toBe(1.5);
    expect(policy(families, "behind")).toBe(1);
    expect(policy(families, "max_age_seconds")).toBe(86_400);
  });
});

describe("labels", () => {
  it("name nobody, no credential, no address and no request", async () => {
    const gateway = await start();
    await post(gateway);
    await post(gateway, off, "viewer");
    await gateway.request("GET", "/v1/users/Bob/credentials");
    await gateway.request("GET", "/v1/access-keys/AKIAIOSFODNN7EXAMPLE");
    const { text } = await gateway.request("GET", "/metrics", { as: null });
    const label = [...text.matchAll(/="([^"]*)"/g)].map(([, value]) => value);
    expect(label.length).toBeGreaterThan(50);
    for (const value of label) {
      expect(value).not.toMatch(/Bob|viewer|TA7SMP|AKIA|127\.0\.0\.1|[0-9a-f]{8}-[0-9a-f]{4}-/);
    }
  });
});
