import { randomUUID } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Credential } from "../../src/changes/credential.ts";
import type { AwsIam } from "../../src/iam/client.ts";
import { sandboxAccount } from "../../src/sandbox/iam/seed.ts";
import { type SandboxIam, startSandboxIam } from "../../src/sandbox/iam/server.ts";
import { iamAt } from "./accounts.ts";
import { closedPort, serveHttp, silentPort } from "./servers.ts";

const DEADLINE_MS = 5_000;
const accessKey: Credential = {
  type: "access-key",
  id: "AKIAIOSFODNN7EXAMPLE",
  userName: "Bob",
  account: sandboxAccount,
};

const switchOff = (iam: AwsIam, timeoutMs = DEADLINE_MS, changeId: string = randomUUID()) =>
  iam.update({ changeId, credential: accessKey, status: "Inactive", notAfter: Date.now() + timeoutMs }, timeoutMs);

describe("an update that meets a fault", () => {
  let stand: SandboxIam;
  let iam: AwsIam;
  beforeEach(async () => {
    stand = await startSandboxIam();
    iam = iamAt(stand.url);
  });
  afterEach(async () => {
    iam.close();
    await stand.close();
  });
  const isOff = () => stand.world.credential("Bob", "access-key", accessKey.id)?.status === "Inactive";
  const attempts = () => stand.journal.calls("UpdateAccessKey");

  it.each([
    { kind: "server-error", applied: false, code: "ServiceFailure" },
    { kind: "server-error", httpStatus: 503, applied: false, code: "ServiceFailure" },
    { kind: "server-error-after", applied: true, code: "ServiceFailure" },
    { kind: "reset-before", applied: false, code: "ECONNRESET" },
    { kind: "reset-after", applied: true, code: "ECONNRESET" },
    { kind: "empty-200", applied: true, code: "MalformedAnswer" },
    { kind: "html-200", applied: true, code: "MalformedAnswer" },
    { kind: "no-content", applied: true, code: "MalformedAnswer" },
    { kind: "accepted", applied: true, code: "MalformedAnswer" },
    { kind: "truncated-xml", applied: true, code: "MalformedAnswer" },
    { kind: "no-request-id", applied: true, code: "MalformedAnswer" },
    { kind: "cut-off", applied: true, code: "ECONNRESET" },
  ] as const)("is unknown and sent once: $kind", async ({ kind, applied, code, ...fault }) => {
    stand.faults.next({ kind, times: "always", ...fault });
    expect(await switchOff(iam)).toEqual({ kind: "unknown", code, message: expect.stringContaining("may or may not") });
    expect(isOff()).toBe(applied);
    expect(attempts()).toBe(1);
  });

  it.each([
    { kind: "hang", applied: false },
    { kind: "lost", applied: true },
  ] as const)("is unknown once its deadline has passed, and is sent once: $kind", async ({ kind, applied }) => {
    stand.faults.next({ kind, times: "always" });
    // Time enough to connect and to send: what was not sent is known.
    expect(await switchOff(iam, 1_500)).toMatchObject({ kind: "unknown", code: "DeadlineExceeded" });
    expect(isOff()).toBe(applied);
    expect(attempts()).toBe(1);
  });

  it.each([
    { code: "Throttling", httpStatus: 400 },
    { code: "ThrottlingException", httpStatus: 429 },
    { code: "RequestLimitExceeded", httpStatus: 503 },
    { code: "TooManyRequestsException", httpStatus: 500 },
  ])("is refused and worth another try when throttled, and sent once: $code as $httpStatus", async (how) => {
    stand.faults.next({ kind: "throttle", times: "always", ...how });
    expect(await switchOff(iam)).toMatchObject({ kind: "refused", retryable: true, message: "Rate exceeded", ...how });
    expect(attempts()).toBe(1);
  });

  it("is refused for good when IAM denies it", async () => {
    stand.faults.next({ kind: "access-denied" });
    expect(await switchOff(iam)).toMatchObject({
      kind: "refused",
      code: "AccessDenied",
      httpStatus: 403,
      retryable: false,
    });
    expect(isOff()).toBe(false);
  });

  it("is applied when it is only slow", async () => {
    stand.faults.next({ kind: "latency", ms: 50 });
    expect(await switchOff(iam)).toMatchObject({ kind: "applied", httpStatus: 200 });
  });

  it("carries the version and its own change's id in the user agent, and always the user's name", async () => {
    const ids = Array.from({ length: 40 }, () => randomUUID());
    await Promise.all(ids.map((id) => switchOff(iam, DEADLINE_MS, id)));
    const entries = stand.journal.entries();
    expect(entries.map(({ changeId }) => changeId).sort()).toEqual(ids.sort());
    for (const { userAgent, userName, changeId } of entries) {
      expect(userAgent).toMatch(new RegExp(` lockkeeper/0\\.1\\.0 change/${changeId}$`));
      expect(userName).toBe("Bob");
    }
  });

  it("answers with the request id that IAM gave it", async () => {
    const answer = await switchOff(iam);
    expect(answer).toMatchObject({ kind: "applied", awsRequestId: stand.journal.entries()[0]?.requestId });
  });

  it.each([
    { why: "no user name", credential: { ...accessKey, userName: "" }, code: "UserNameMissing" },
    { why: "another account", credential: { ...accessKey, account: "210987654321" }, code: "OtherAccount" },
  ])("is not sent with $why", async ({ credential, code }) => {
    const notAfter = Date.now() + DEADLINE_MS;
    const answer = await iam.update({ changeId: randomUUID(), credential, status: "Inactive", notAfter }, DEADLINE_MS);
    expect(answer).toMatchObject({ kind: "not-sent", code });
    expect(attempts()).toBe(0);
  });

  it("tells the log what lies behind an answer that is not IAM's own", async () => {
    const troubles: unknown[] = [];
    const telling = iamAt(stand.url, { onTrouble: (error, changeId) => troubles.push({ error, changeId }) });
    stand.faults.next({ kind: "reset-before" });
    await switchOff(telling, DEADLINE_MS, "c-1");
    await switchOff(telling, DEADLINE_MS, "c-2");
    telling.close();
    expect(troubles).toEqual([{ error: expect.objectContaining({ code: "ECONNRESET" }), changeId: "c-1" }]);
  });

  it("tells the log IAM's own no, with its message", async () => {
    const told: unknown[] = [];
    const telling = iamAt(stand.url, {
      onRefused: (answer, changeId) => told.push({ answer, changeId }),
      onTrouble: (error) => told.push(error),
    });
    stand.faults.next({ kind: "access-denied" });
    const answer = await switchOff(telling, DEADLINE_MS, "c-1");
    telling.close();
    expect(answer).toMatchObject({ kind: "refused", message: expect.stringContaining("told to refuse") });
    expect(told).toEqual([{ answer, changeId: "c-1" }]);
  });

  it("stays an answer when the log fails", async () => {
    const failing = iamAt(stand.url, {
      onTrouble: () => {
        throw new Error("no space left on device");
      },
    });
    stand.faults.next({ kind: "reset-after" });
    expect(await switchOff(failing)).toMatchObject({ kind: "unknown" });
    failing.close();
  });
});

describe("an update for which no connection comes about", () => {
  it.each([
    { how: "refused", endpoint: closedPort, codes: ["ECONNREFUSED"] },
    {
      how: "a name that does not exist",
      endpoint: async () => "http://iam.invalid",
      codes: ["ENOTFOUND", "EAI_AGAIN"],
    },
    {
      how: "refused on every address of a name",
      endpoint: async () => (await closedPort()).replace("127.0.0.1", "localhost"),
      codes: ["ECONNREFUSED"],
    },
  ])("was provably not sent: $how", async ({ endpoint, codes }) => {
    const answer = await switchOff(iamAt(await endpoint()));
    expect(answer).toMatchObject({ kind: "not-sent", message: expect.stringContaining("not sent") });
    expect(codes).toContain((answer as { code: string }).code);
  });

  it("was provably not sent: the connection attempt itself timed out", async () => {
    expect(await switchOff(iamAt(await silentPort()))).toMatchObject({ kind: "not-sent", code: "TimeoutError" });
  });
});

describe("an update over a connection that was used before", () => {
  it("is unknown, not unsent, when the server closes it during the request", async () => {
    let requests = 0;
    const sockets = new Set<unknown>();
    const endpoint = await serveHttp((request, response) => {
      requests += 1;
      sockets.add(request.socket);
      if (requests > 1) return request.socket.destroy();
      return response.end(confirmation);
    });
    const iam = iamAt(endpoint);
    expect(await switchOff(iam)).toMatchObject({ kind: "applied" });
    expect(await switchOff(iam)).toMatchObject({ kind: "unknown", code: "ECONNRESET" });
    expect({ requests, connections: sockets.size }).toEqual({ requests: 2, connections: 1 });
  });
});

describe("an update beside more look-ups than there are connections for", () => {
  it("has connections of its own", async () => {
    const endpoint = await serveHttp(async (request, response) => {
      const body = Buffer.concat(await request.toArray()).toString();
      // Look-ups hang.
      if (body.startsWith("Action=Update")) response.end(confirmation);
    });
    const iam = iamAt(endpoint);
    const reads = Array.from({ length: 300 }, () => iam.statusOf(accessKey, 2_000).catch(() => "hung"));
    await setImmediate();
    expect(await switchOff(iam, 1_000)).toMatchObject({ kind: "applied" });
    iam.close();
    expect(new Set(await Promise.all(reads))).toEqual(new Set(["hung"]));
  });
});

describe("an answer from something that is not IAM", () => {
  const answered = async (status: number, body: string, headers: Record<string, string> = {}) => {
    const endpoint = await serveHttp((_, response) => response.writeHead(status, headers).end(body));
    return switchOff(iamAt(endpoint));
  };

  it.each([
    { status: 404, body: "<html><body>not here</body></html>" },
    { status: 403, body: "" },
    { status: 429, body: "slow down" },
    { status: 302, body: "" },
    { status: 400, body: '{"message":"no"}' },
    { status: 400, body: "<ErrorResponse><Error><Code>NoSuch" },
  ])("proves nothing: HTTP $status with $body", async ({ status, body }) => {
    expect(await answered(status, body)).toMatchObject({ kind: "unknown" });
  });

  it("proves nothing when it is the answer to another action", async () => {
    const other = confirmation.replaceAll("UpdateAccessKey", "UpdateSSHPublicKey");
    expect(await answered(200, other, { "x-amzn-requestid": "r-1" })).toMatchObject({ kind: "unknown" });
  });

  it("is cut to a size that can be shown, without control characters", async () => {
    const error = `<Error><Type>Sender</Type><Code>InvalidInput</Code><Message>${"long\nand\u0085odd ".repeat(500)}</Message></Error>`;
    const answer = await answered(400, `<ErrorResponse>${error}<RequestId>r</RequestId></ErrorResponse>`);
    expect(answer).toMatchObject({ kind: "refused", code: "InvalidInput" });
    const { message } = answer as { message: string };
    expect(message).toHaveLength(500);
    expect(message).toMatch(/^long and odd long/);
  });

  it("takes the request id from the body when the header has none", async () => {
    expect(await answered(200, confirmation)).toMatchObject({ kind: "applied", awsRequestId: "r-from-the-body" });
  });
});

const confirmation =
  '<?xml version="1.0"?>\n<UpdateAccessKeyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ResponseMetadata>' +
  "<RequestId>r-from-the-body</RequestId></ResponseMetadata></UpdateAccessKeyResponse>\n";
