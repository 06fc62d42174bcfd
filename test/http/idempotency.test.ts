import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Reply } from "../fixture/documented-replies.ts";
import { type Gateway, startGateway } from "../fixture/gateway.ts";

const path = "/v1/status-changes";
const body = {
  credential: { type: "signing-certificate", id: "TA7SMP42TDN5Z26OBPJE7EXAMPLE", userName: "Bob" },
  status: "Inactive",
};

let gateway: Gateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());

let keys = 0;
const newKey = () => `key-${++keys}`;
const post = (key: string, options: { as?: string; body?: unknown; of?: Gateway } = {}) =>
  (options.of ?? gateway).request("POST", path, {
    as: options.as ?? "oncall",
    body: options.body ?? body,
    headers: { "idempotency-key": key },
  });
const updates = (of = gateway) => of.standIn.journal.entries().length;
const idOf = ({ json }: Reply) => (json as { id: string }).id;

describe("an Idempotency-Key sent again", () => {
  it("with the same body returns the change that it belongs to, and sends nothing", async () => {
    const key = newKey();
    const first = await post(key);
    const before = updates();
    const again = await post(key);
    expect(again.status).toBe(201);
    expect(again.json).toEqual(first.json);
    expect(again.headers.get("location")).toBe(first.headers.get("location"));
    expect([first, again].map(({ headers }) => headers.get("idempotency-replayed"))).toEqual([null, "true"]);
    expect(updates()).toBe(before);
  });

  it.each([
    ["status", { ...body, status: "Active", ticket: "SEC-1" }],
    ["reason", { ...body, reason: "another" }],
    ["credential", { ...body, credential: { ...body.credential, id: "TAANOTHERCERTIFICATEEXAMPLE" } }],
  ])("with another %s is refused, with the id of the change that has it", async (_what, other) => {
    const key = newKey();
    const first = await post(key);
    const { status, json } = await post(key, { body: other });
    expect([status, json]).toMatchObject([
      422,
      { type: "urn:lockkeeper:problem:idempotency-key-reused", statusChange: idOf(first) },
    ]);
  });

  it("with the members of the body in another order is the same", async () => {
    const key = newKey();
    const { id, type, userName } = body.credential;
    const first = await post(key);
    const again = await post(key, { body: { status: "Inactive", credential: { userName, id, type } } });
    expect(idOf(again)).toBe(idOf(first));
  });

  it("by another principal is a key of that principal's own", async () => {
    const key = newKey();
    const first = await post(key);
    const other = await post(key, { as: "admin" });
    expect(other.status).toBe(201);
    expect(idOf(other)).not.toBe(idOf(first));
  });

  it("by nobody is not answered at all", async () => {
    const key = newKey();
    await post(key);
    expect((await post(key, { as: "stranger" })).status).toBe(401);
  });

  it("after a day is a new one", async () => {
    const of = await startGateway();
    const key = newKey();
    const first = await post(key, { of });
    of.clock.advance(24 * 3_600_000 - 1);
    expect(idOf(await post(key, { of }))).toBe(idOf(first));
    of.clock.advance(1);
    expect(idOf(await post(key, { of }))).not.toBe(idOf(first));
    await of.close();
  });

  it("after a denial is free: nothing was bound to it", async () => {
    const key = newKey();
    expect((await post(key, { as: "viewer" })).status).toBe(403);
    const again = await post(key, { as: "viewer" });
    expect([again.status, again.headers.get("idempotency-replayed")]).toEqual([403, null]);
  });

  it("of a change that failed tells of that failure, as it did then", async () => {
    const key = newKey();
    const nobody = { ...body, credential: { ...body.credential, userName: "Nobody" } };
    const first = await post(key, { body: nobody });
    const again = await post(key, { body: nobody });
    expect([first.status, again.status]).toEqual([404, 404]);
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    const { requestId: _first, receipt: _receipt, ...told } = first.json as Record<string, unknown>;
    expect(again.json).toMatchObject(told);
  });

  it("of a change that IAM throttled until the deadline is free: it can be tried again, as the 503 says", async () => {
    const headers = { "Idempotency-Key": "throttled" };
    const body = {
      credential: { type: "ssh-public-key", id: "APKAEIBAERJR2EXAMPLE", userName: "Bob" },
      status: "Inactive",
    };
    gateway.standIn.faults.next({ kind: "throttle", action: "UpdateSSHPublicKey", times: "always" });
    expect((await gateway.request("POST", "/v1/status-changes", { body, headers })).status).toBe(503);
    gateway.standIn.faults.clear();
    const { status, headers: replied } = await gateway.request("POST", "/v1/status-changes", { body, headers });
    expect([status, replied.get("idempotency-replayed")]).toEqual([201, null]);
  });

  it("is answered without asking policy again: nothing is going to happen", async () => {
    const ruling = {
      obligations: [],
      needs: [],
      revision: "r",
      entrypoint: "lockkeeper/decision",
      wasmDigest: "0".repeat(64),
    };
    const asked: boolean[] = [];
    const of = await startGateway({
      pdp: {
        decide: () => ({ ...ruling, allow: asked.push(true) === 1, reasons: [{ code: "first", message: "First." }] }),
      },
    });
    const key = newKey();
    const first = await post(key, { of });
    const again = await post(key, { of });
    expect([first.status, again.status, asked.length]).toEqual([201, 201, 1]);
    expect((await post(newKey(), { of })).status).toBe(403);
    await of.close();
  });

  it("while the change is at IAM says so, and where to look", async () => {
    const key = newKey();
    const during: Reply[] = [];
    gateway.standIn.beforeAnswer = async () => {
      gateway.standIn.beforeAnswer = undefined;
      during.push(await post(key));
    };
    const first = await post(key);
    expect(during).toMatchObject([
      { status: 409, json: { type: "urn:lockkeeper:problem:change-in-flight", statusChange: idOf(first) } },
    ]);
    expect(during[0]?.headers.get("idempotency-replayed")).toBe("true");
  });

  it("twice at the same moment makes one change", async () => {
    const of = await startGateway();
    const key = newKey();
    const replies = await Promise.all(Array.from({ length: 8 }, () => post(key, { of })));
    expect(updates(of)).toBe(1);
    expect(replies.filter(({ headers }) => !headers.has("idempotency-replayed"))).toHaveLength(1);
    await of.close();
  });
});
