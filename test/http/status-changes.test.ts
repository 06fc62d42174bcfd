import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Gateway, startGateway } from "../fixture/gateway.ts";

const path = "/v1/status-changes";
const certificate = { type: "signing-certificate", id: "TA7SMP42TDN5Z26OBPJE7EXAMPLE" };
const switchOff = { credential: { ...certificate, userName: "Bob" }, status: "Inactive" };
const switchOn = { ...switchOff, status: "Active", ticket: "SEC-123" };

let gateway: Gateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());
/** The certificate is Active when a test begins. */
beforeEach(async () => {
  await gateway.request("POST", path, { body: switchOn });
});

const post = (body: unknown, as = "oncall") => gateway.request("POST", path, { body, as });
const updates = () => gateway.standIn.journal.entries().length;

/** What the audit log holds of a change, in order. */
async function recordsOf(id: unknown): Promise<string[]> {
  const records = await gateway.journal.recordsOf(String(id));
  return records.map(({ body }) => (JSON.parse(body) as { metadata: { event_code: string } }).metadata.event_code);
}

describe("switching a credential off", () => {
  it("says what it was, what it is, and what there is to know about it", async () => {
    const { status, headers, json } = await post({ ...switchOff, reason: "private key seen on a shared host" });
    expect(status).toBe(201);
    expect(json).toMatchObject({
      outcome: "applied",
      credential: { ...switchOff.credential, account: "123456789012" },
      status: "Inactive",
      previousStatus: "Active",
      changed: true,
      principal: { id: "oncall", issuer: "sandbox" },
      reason: "private key seen on a shared host",
      decision: { allow: true, reasons: [{ code: "oncall-switch-off" }] },
      awsRequestId: gateway.standIn.journal.entries().at(-1)?.requestId,
      requestedAt: "2026-11-21T09:30:00.000Z",
      warnings: [expect.stringContaining("eventually consistent")],
    });
    const { id } = json as { id: string };
    expect(headers.get("location")).toBe(`${path}/${id}`);
    expect(await recordsOf(id)).toEqual(["credential.status.intent", "credential.status.outcome"]);
  });

  it("again changes nothing, and says so, but is sent", async () => {
    await post(switchOff);
    const before = updates();
    expect((await post(switchOff)).json).toMatchObject({ previousStatus: "Inactive", changed: false });
    expect(updates()).toBe(before + 1);
  });

  it("shows in the listing", async () => {
    await post(switchOff);
    const { json } = await gateway.request("GET", "/v1/users/Bob/credentials");
    expect(json).toMatchObject({
      userName: "Bob",
      account: "123456789012",
      credentials: [
        { ...certificate, userName: "Bob", account: "123456789012", status: "Inactive" },
        { type: "access-key", status: "Active" },
        { type: "access-key", status: "Active" },
        { type: "ssh-public-key", status: "Active" },
      ],
    });
  });

  it("whose user name is left out is about the principal's own credential", async () => {
    const credential = { type: "service-specific-credential", id: "ACCAEXAMPLE123EXAMPLE" };
    const { status, json } = await post({ credential, status: "Inactive" }, "sofia");
    expect([status, json]).toMatchObject([201, { credential: { ...credential, userName: "sofia" } }]);
    expect(gateway.standIn.journal.entries().at(-1)).toMatchObject({ userName: "sofia" });
  });

  it("whose user name is left out by somebody without an IAM user is a clear error, and nothing is sent", async () => {
    const before = updates();
    const { status, json } = await post({ credential: certificate, status: "Inactive" });
    expect(status).toBe(400);
    expect(json).toMatchObject({
      type: "urn:lockkeeper:problem:user-name-required",
      detail: expect.stringContaining("credential.userName"),
      errors: [{ pointer: "/credential/userName" }],
    });
    expect(updates()).toBe(before);
  });

  it.each(["break-glass", "BREAK-GLASS", "Break-Glass"])(
    "of %s is for admins, however it is written",
    async (userName) => {
      const body = { credential: { type: "access-key", id: "AKIABREAKGLASSEXAMPL", userName }, status: "Inactive" };
      expect((await post(body)).json).toMatchObject({
        status: 403,
        decision: { reasons: [{ code: "protected-user" }] },
      });
    },
  );

  it.each(["lockkeeper", "LOCKKEEPER"])("of the gateway's own user is for nobody, not even as %s", async (userName) => {
    const body = { credential: { type: "access-key", id: "AKIALOCKKEEPERSANDBX", userName }, status: "Inactive" };
    const before = updates();
    expect((await post(body, "admin")).json).toMatchObject({ status: 403, decision: { allow: false } });
    expect(updates()).toBe(before);
  });
});

describe("a denial", () => {
  it("says why, is on record, and IAM hears nothing of it", async () => {
    const before = updates();
    const { status, headers, json } = await post(switchOff, "viewer");
    expect(status).toBe(403);
    expect(json).toMatchObject({
      type: "urn:lockkeeper:problem:denied",
      decision: { allow: false, reasons: [{ code: "not-permitted" }] },
      receipt: { leafHash: expect.stringMatching(/^[0-9a-f]{64}$/) },
    });
    const { statusChange } = json as { statusChange: string };
    expect(await recordsOf(statusChange)).toEqual(["credential.status.denied"]);
    expect(updates()).toBe(before);
    const denied = await gateway.request("GET", String(headers.get("location")), { as: "viewer" });
    expect(denied.json).toMatchObject({ id: statusChange, outcome: "denied", changed: false, awsRequestId: null });
  });
});

describe("an entity that IAM does not know", () => {
  it("is a 404 with IAM's own words, and on record", async () => {
    const { status, json } = await post({ ...switchOff, credential: { ...switchOff.credential, userName: "Nobody" } });
    expect(status).toBe(404);
    expect(json).toMatchObject({
      type: "urn:lockkeeper:problem:iam-entity-not-found",
      detail: "The user with name Nobody cannot be found.",
      awsCode: "NoSuchEntity",
    });
    const { statusChange } = json as { statusChange: string };
    expect(await recordsOf(statusChange)).toEqual(["credential.status.intent", "credential.status.outcome"]);
    const { json: failed } = await gateway.request("GET", `${path}/${statusChange}`);
    expect(failed).toMatchObject({ outcome: "failed", changed: false, error: { code: "NoSuchEntity" } });
  });
});

describe("an answer that is lost on its way", () => {
  it("is no failure: the change is read back, sent once only, and answered as what it is", async () => {
    gateway.standIn.faults.next({ kind: "reset-after", action: "UpdateSigningCertificate" });
    const before = updates();
    const { status, json } = await post(switchOff);
    expect(status).toBe(201);
    expect(json).toMatchObject({
      outcome: "unknown",
      readBack: { result: "as-wanted", observed: "Inactive" },
      previousStatus: "Active",
      changed: null,
      awsRequestId: null,
      warnings: [expect.stringContaining("nobody knows who made it so")],
    });
    expect(updates()).toBe(before + 1);
    const { id } = json as { id: string };
    expect(await recordsOf(id)).toEqual([
      "credential.status.intent",
      "credential.status.outcome",
      "credential.status.reconciled",
    ]);
  });

  it("of a change that did not happen is a 504 that leads to what is found out", async () => {
    const gateway = await startGateway();
    gateway.standIn.faults.next({ kind: "reset-before", action: "UpdateSigningCertificate" });
    const { status, headers, json } = await gateway.request("POST", path, { body: switchOff });
    expect([status, json]).toMatchObject([504, { type: "urn:lockkeeper:problem:outcome-unknown" }]);
    const { json: unknown } = await gateway.request("GET", String(headers.get("location")));
    expect(unknown).toMatchObject({
      outcome: "unknown",
      changed: null,
      warnings: [expect.stringContaining("is not known")],
    });
    await gateway.close();
  });
});

describe("a log that cannot take the outcome", () => {
  it("is told as just that, with the way to the change, and never as if nothing had happened", async () => {
    const gateway = await startGateway({
      journal: (real) => ({ ...real, finish: () => Promise.reject(new Error("the disk is full")) }),
    });
    const { status, headers, json, text } = await gateway.request("POST", path, { body: switchOff });
    expect([status, json]).toMatchObject([504, { type: "urn:lockkeeper:problem:outcome-unrecorded" }]);
    expect(headers.get("location")).toBe(`${path}/${(json as { statusChange: string }).statusChange}`);
    expect(text).not.toContain("disk is full");
    expect(gateway.standIn.journal.entries()).toHaveLength(1);
    await gateway.close();
  });
});

describe("what a change looks like to others", () => {
  it("is theirs to see when policy says so", async () => {
    const { headers } = await post(switchOff);
    const location = String(headers.get("location"));
    expect((await gateway.request("GET", location, { as: "viewer" })).status).toBe(200);
    expect((await gateway.request("GET", location, { as: "bob" })).status).toBe(200);
    const denied = await gateway.request("GET", location, { as: "sofia" });
    expect([denied.status, denied.json]).toMatchObject([403, { receipt: { leafHash: expect.any(String) } }]);
  });
});

describe("asking whether a change would be allowed", () => {
  it("answers as policy would, changes nothing, and is on record", async () => {
    const before = updates();
    const ask = (as: string) => gateway.request("POST", "/v1/decisions", { as, body: switchOff });
    expect((await ask("oncall")).json).toMatchObject({ allow: true, reasons: [{ code: "oncall-switch-off" }] });
    expect((await ask("viewer")).json).toMatchObject({ allow: false, reasons: [{ code: "not-permitted" }] });
    expect(updates()).toBe(before);
  });

  it("needs a user name as the change itself would", async () => {
    const body = { credential: certificate, status: "Inactive" };
    expect((await gateway.request("POST", "/v1/decisions", { body })).status).toBe(400);
  });
});

describe("whose access key is this?", () => {
  it("its owner's, with its status and its last use", async () => {
    const { json } = await gateway.request("GET", "/v1/access-keys/AKIAIOSFODNN7EXAMPLE");
    expect(json).toEqual({
      id: "AKIAIOSFODNN7EXAMPLE",
      userName: "Bob",
      account: "123456789012",
      status: "Active",
      lastUsed: { at: "2026-02-11T08:15:00.000Z", service: "s3", region: "us-east-1" },
    });
  });

  it("nobody's who was denied the question: IAM is not asked", async () => {
    const before = gateway.standIn.journal.calls("GetAccessKeyLastUsed");
    expect((await gateway.request("GET", "/v1/access-keys/AKIAIOSFODNN7EXAMPLE", { as: "sofia" })).status).toBe(403);
    expect(gateway.standIn.journal.calls("GetAccessKeyLastUsed")).toBe(before);
  });
});

describe("a user's credentials", () => {
  it("come in the order of their types", async () => {
    const { json } = await gateway.request("GET", "/v1/users/break-glass/credentials", { as: "admin" });
    expect((json as { credentials: { type: string }[] }).credentials.map(({ type }) => type)).toEqual([
      "signing-certificate",
      "service-specific-credential",
      "access-key",
      "access-key",
      "ssh-public-key",
    ]);
  });

  it("of a user whose name is too long for some types are asked for of the others only", async () => {
    const lists = () => gateway.standIn.journal.calls("ListSSHPublicKeys");
    const before = lists();
    expect((await gateway.request("GET", `/v1/users/${"u".repeat(65)}/credentials`)).status).toBe(404);
    expect(lists()).toBe(before);
  });

  it("are not looked at for somebody who was denied", async () => {
    const before = gateway.standIn.journal.calls("ListAccessKeys");
    expect((await gateway.request("GET", "/v1/users/Bob/credentials", { as: "sofia" })).status).toBe(403);
    expect(gateway.standIn.journal.calls("ListAccessKeys")).toBe(before);
  });
});
