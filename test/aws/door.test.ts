import {
  CreateUserCommand,
  GetAccessKeyLastUsedCommand,
  GetUserCommand,
  ListAccessKeysCommand,
  ListServiceSpecificCredentialsCommand,
  ListSigningCertificatesCommand,
  ListSSHPublicKeysCommand,
  ListUsersCommand,
  UpdateAccessKeyCommand,
  UpdateServiceSpecificCredentialCommand,
  UpdateSigningCertificateCommand,
  UpdateSSHPublicKeyCommand,
} from "@aws-sdk/client-iam";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { awsClient, awsError } from "../fixture/aws-client.ts";
import { type Gateway, startGateway } from "../fixture/gateway.ts";

const certificate = "TA7SMP42TDN5Z26OBPJE7EXAMPLE";
const service = "ACCAEXAMPLE123EXAMPLE";
const key = "AKIAIOSFODNN7EXAMPLE";
const sshKey = "APKAEIBAERJR2EXAMPLE";

let gateway: Gateway;
beforeAll(async () => {
  gateway = await startGateway();
});
beforeEach(() => {
  // Each test's requests are signed at a second of their own.
  gateway.clock.advance(60_000);
});
afterEach(() => gateway.standIn.faults.clear());
afterAll(() => gateway.close());

const as = (principal: string, path = "/aws", config = {}) =>
  awsClient(gateway.url + path, principal, gateway.clock, config);
/** The SDK takes its clock from the Date of each answer, and the gateway's stands elsewhere: so a client for each call. */
const viewer = () => as("viewer");
const updates = () => gateway.standIn.journal.entries();

async function recordsOf(id: string) {
  const records = await gateway.journal.recordsOf(id);
  return records.map(({ body }) => JSON.parse(body));
}

describe("the manual's three changes, by an unmodified client", () => {
  it.each([
    [
      "oncall",
      new UpdateSigningCertificateCommand({ UserName: "Bob", CertificateId: certificate, Status: "Inactive" }),
      "Bob",
    ],
    [
      "sofia",
      new UpdateServiceSpecificCredentialCommand({ ServiceSpecificCredentialId: service, Status: "Inactive" }),
      "sofia",
    ],
    [
      "oncall",
      new UpdateServiceSpecificCredentialCommand({
        UserName: "sofia",
        ServiceSpecificCredentialId: service,
        Status: "Inactive",
      }),
      "sofia",
    ],
    ["oncall", new UpdateAccessKeyCommand({ UserName: "Bob", AccessKeyId: key, Status: "Inactive" }), "Bob"],
    ["oncall", new UpdateSSHPublicKeyCommand({ UserName: "Bob", SSHPublicKeyId: sshKey, Status: "Inactive" }), "Bob"],
  ] as const)("as %s", async (principal, command, userName) => {
    const before = updates().length;
    const { $metadata } = await (
      as(principal).send as (
        command: unknown,
      ) => Promise<typeof command & { $metadata: { httpStatusCode: number; requestId: string } }>
    )(command);
    expect($metadata.httpStatusCode).toBe(200);
    const sent = updates().slice(before);
    expect(sent).toMatchObject([{ userName, status: "Inactive", applied: true }]);
    const [intent, outcome] = await recordsOf(String(sent[0]?.changeId));
    expect(intent).toMatchObject({
      metadata: { event_code: "credential.status.intent" },
      unmapped: {
        input: { context: { channel: "aws", requestId: $metadata.requestId }, principal: { authn: "sigv4" } },
      },
    });
    expect(outcome).toMatchObject({ status: "Success" });
  });
});

const off = { UserName: "Bob", AccessKeyId: key, Status: "Inactive" } as const;
const on = { ...off, Status: "Active" } as const;

describe("policy decides as at every other door", () => {
  it("and a denial says why, under which decision and which change", async () => {
    const before = updates().length;
    const { code, status, message } = await awsError(as("viewer").send(new UpdateAccessKeyCommand(off)));
    expect([code, status]).toEqual(["AccessDenied", 403]);
    expect(message).toMatch(
      /^User: sandbox viewer is not authorized to perform: iam:UpdateAccessKey on resource: user Bob\. Nothing allows this principal to do this\. \[not-permitted\] \(decision [0-9a-f-]{36}, status change [0-9a-f-]{36}\)$/,
    );
    expect(updates()).toHaveLength(before);
    const [denial] = await recordsOf(/status change ([0-9a-f-]{36})/.exec(message)?.[1] ?? "");
    expect(denial).toMatchObject({ metadata: { event_code: "credential.status.denied" } });
  });

  it("a ticket travels in the signed path", async () => {
    expect(await awsError(as("oncall").send(new UpdateAccessKeyCommand(on)))).toMatchObject({ code: "AccessDenied" });
    for (const path of ["/aws/ticket/SEC-123", "/aws/ticket/SEC-123/"]) {
      await as("oncall", path).send(new UpdateAccessKeyCommand(on));
      const [intent] = await recordsOf(String(updates().at(-1)?.changeId));
      expect(intent.unmapped.input.change).toMatchObject({
        status: "Active",
        ticket: { id: "SEC-123", verified: false },
      });
      gateway.clock.advance(1_000);
    }
  });

  it("the user may be left out only by somebody who has one", async () => {
    expect(
      await awsError(as("oncall").send(new UpdateAccessKeyCommand({ AccessKeyId: key, Status: "Inactive" }))),
    ).toMatchObject({
      code: "ValidationError",
      status: 400,
      message: "Must specify userName when calling with non-User credentials",
    });
  });

  it("nobody touches the gateway's own user", async () => {
    const own = { UserName: "LockKeeper", AccessKeyId: "AKIALOCKKEEPERSANDBX", Status: "Inactive" } as const;
    const { code, message } = await awsError(as("admin").send(new UpdateAccessKeyCommand(own)));
    expect([code, message]).toEqual(["AccessDenied", expect.stringContaining("[gateway-own-user]")]);
  });
});

describe("IAM's reads go through when policy allows them", () => {
  it("each of them, with what IAM says", async () => {
    const { AccessKeyMetadata } = await viewer().send(new ListAccessKeysCommand({ UserName: "Bob" }));
    expect(AccessKeyMetadata).toMatchObject([
      { UserName: "Bob", AccessKeyId: key, CreateDate: new Date("2025-11-03T10:00:00Z") },
      { UserName: "Bob", AccessKeyId: "AKIAI44QH8DHBEXAMPLE" },
    ]);
    const { Certificates } = await viewer().send(new ListSigningCertificatesCommand({ UserName: "Bob" }));
    expect(Certificates).toMatchObject([
      { CertificateId: certificate, CertificateBody: expect.stringContaining("BEGIN CERTIFICATE") },
    ]);
    const { SSHPublicKeys } = await viewer().send(new ListSSHPublicKeysCommand({ UserName: "Bob" }));
    expect(SSHPublicKeys).toMatchObject([{ SSHPublicKeyId: sshKey }]);
    const { ServiceSpecificCredentials } = await viewer().send(
      new ListServiceSpecificCredentialsCommand({ UserName: "sofia", ServiceName: "bedrock.amazonaws.com" }),
    );
    expect(ServiceSpecificCredentials).toMatchObject([{ ServiceName: "bedrock.amazonaws.com" }]);
    expect((await viewer().send(new GetUserCommand({ UserName: "Bob" }))).User).toMatchObject({
      UserName: "Bob",
      Path: "/",
      Tags: [{ Key: "team", Value: "web" }],
    });
    const used = await viewer().send(new GetAccessKeyLastUsedCommand({ AccessKeyId: key }));
    expect(used).toMatchObject({
      UserName: "Bob",
      AccessKeyLastUsed: { ServiceName: "s3", LastUsedDate: new Date("2026-02-11T08:15:00Z") },
    });
  });

  it("page by page", async () => {
    const names: string[] = [];
    let Marker: string | undefined;
    do {
      const page = await viewer().send(new ListUsersCommand({ MaxItems: 2, ...(Marker && { Marker }) }));
      expect(page.Users?.length).toBeLessThanOrEqual(2);
      names.push(...(page.Users ?? []).map(({ UserName }) => UserName ?? ""));
      Marker = page.IsTruncated ? page.Marker : undefined;
    } while (Marker !== undefined);
    expect(names.sort()).toEqual(["Bob", "break-glass", "ledger", "lockkeeper", "lonely", "sofia"]);
  });

  it("in IAM's words where it is the request that IAM refuses, and in none of them where it is the gateway", async () => {
    expect(await awsError(viewer().send(new ListUsersCommand({ Marker: "no-marker" })))).toMatchObject({
      code: "ValidationError",
      status: 400,
      message: "Invalid Marker.",
    });
    gateway.standIn.faults.next({ kind: "access-denied", action: "ListUsers" });
    expect(await awsError(viewer().send(new ListUsersCommand({})))).toMatchObject({
      code: "AccessDenied",
      message: expect.stringMatching(/^IAM refused Lockkeeper's own request/),
    });
  });

  it("an owner's own without naming them", async () => {
    const { ServiceSpecificCredentials } = await as("sofia").send(new ListServiceSpecificCredentialsCommand({}));
    expect(ServiceSpecificCredentials).toHaveLength(2);
    expect(await awsError(viewer().send(new GetUserCommand({})))).toMatchObject({ code: "ValidationError" });
  });

  it("and not otherwise; the denial is on record, and IAM was not asked", async () => {
    const { code, message } = await awsError(as("sofia").send(new ListAccessKeysCommand({ UserName: "Bob" })));
    expect(code).toBe("AccessDenied");
    expect(message).toMatch(
      /^User: arn:aws:iam::123456789012:user\/sofia is not authorized to perform: iam:ListAccessKeys on resource: user Bob\. /,
    );
    const { records } = await gateway.journal.records({ from: 0, limit: 100, code: "lockkeeper.read.denied" });
    expect(JSON.parse(records.at(-1)?.body ?? "")).toMatchObject({
      api: { operation: "iam:ListAccessKeys" },
      unmapped: { input: { context: { channel: "aws" } } },
    });
  });
});

describe("what IAM answers is what the client hears", () => {
  it.each([
    [new UpdateAccessKeyCommand({ ...off, UserName: "nobody" }), "The user with name nobody cannot be found."],
    [
      new UpdateAccessKeyCommand({ ...off, AccessKeyId: "AKIANOSUCHKEY0000000" }),
      "The Access Key with id AKIANOSUCHKEY0000000 cannot be found.",
    ],
    [new ListAccessKeysCommand({ UserName: "nobody" }), "The user with name nobody cannot be found."],
  ])("not found", async (command, message) => {
    const failure = await awsError((as("oncall").send as (command: unknown) => Promise<unknown>)(command));
    expect(failure).toMatchObject({ code: expect.stringMatching(/^NoSuchEntity/), status: 404, message });
  });

  it("a status that is none", async () => {
    const bad = { ...off, Status: "Expired" } as unknown as typeof off;
    expect(await awsError(as("oncall").send(new UpdateAccessKeyCommand(bad)))).toMatchObject({
      code: "ValidationError",
      status: 400,
      message:
        "1 validation error detected: Value at 'status' failed to satisfy constraint: Member must satisfy enum value set",
    });
  });

  it("an action that is not carried out here is denied, and on record without its parameters", async () => {
    const answer = await awsError(as("admin").send(new CreateUserCommand({ UserName: "Mallory" })));
    expect(answer).toMatchObject({ code: "AccessDenied", status: 403 });
    const { records } = await gateway.journal.records({ from: 0, limit: 100, code: "lockkeeper.action.denied" });
    const denial = JSON.parse(records.at(-1)?.body ?? "");
    expect(denial).toMatchObject({
      http_request: { uid: answer.requestId },
      metadata: { event_code: "lockkeeper.action.denied" },
      action: "Denied",
      actor: { user: { uid: "admin" } },
      api: { operation: "iam:CreateUser" },
    });
    expect(JSON.stringify(denial)).not.toContain("Mallory");
  });

  it("throttling, which every client sends again", async () => {
    gateway.standIn.faults.next({ kind: "throttle", action: "UpdateAccessKey", times: "always" });
    expect(await awsError(as("oncall").send(new UpdateAccessKeyCommand(off)))).toMatchObject({
      code: "Throttling",
      status: 400,
    });
  });

  it("a refusal of the gateway's own rights is not taken for the caller's", async () => {
    gateway.standIn.faults.next({ kind: "access-denied", action: "UpdateAccessKey", times: "always" });
    const { code, message } = await awsError(as("oncall").send(new UpdateAccessKeyCommand(off)));
    expect([code, message]).toEqual(["AccessDenied", expect.stringMatching(/^IAM refused Lockkeeper's own request/)]);
  });

  it("an outcome that nobody knows, which no client sends again", async () => {
    await gateway.request("POST", "/v1/status-changes", {
      body: { credential: { type: "access-key", id: key, userName: "Bob" }, status: "Active", ticket: "SEC-1" },
    });
    gateway.standIn.faults.next({ kind: "server-error", action: "UpdateAccessKey", times: "always" });
    gateway.standIn.faults.next({ kind: "server-error", action: "ListAccessKeys", times: "always" });
    const before = updates().length;
    const ticket = () => as("oncall", "/aws/ticket/SEC-1", { maxAttempts: 3 });
    const failure = await awsError(ticket().send(new UpdateAccessKeyCommand(off)));
    expect(failure).toMatchObject({ code: "EntityTemporarilyUnmodifiable", status: 409, attempts: 1 });
    expect(updates()).toHaveLength(before + 1);
    gateway.clock.advance(60_000);
    // The place is held, and that is said in the same way.
    expect(await awsError(ticket().send(new UpdateAccessKeyCommand(on)))).toMatchObject({
      code: "EntityTemporarilyUnmodifiable",
      attempts: 1,
    });
  });
});
