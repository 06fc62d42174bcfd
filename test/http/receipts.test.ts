import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { leafHash } from "../../src/tlog/hash.ts";
import { parseProof, verifyProof } from "../../src/tlog/tlog-proof.ts";
import { type Gateway, startGateway } from "../fixture/gateway.ts";

const path = "/v1/status-changes";
const certificate = { type: "signing-certificate", id: "TA7SMP42TDN5Z26OBPJE7EXAMPLE" };
const switchOff = { credential: { ...certificate, userName: "Bob" }, status: "Inactive" };

interface Receipt {
  readonly index: number;
  readonly leafHash: string;
  readonly proof?: string | null;
}

const receiptOf = ({ json }: { readonly json: unknown }) => (json as { receipt: Receipt }).receipt;

/** The record that a receipt proves to somebody who has the log's public key and nothing else. */
function provenRecord(gateway: Gateway, reply: { readonly json: unknown }) {
  const { index, leafHash: hash, proof } = receiptOf(reply);
  if (typeof proof !== "string") throw new Error("the receipt has no proof");
  const { verifiers } = gateway;
  const verified = verifyProof(proof, { verifiers });
  expect([verified.index, leafHash(verified.entry).toString("hex")]).toEqual([index, hash]);
  return JSON.parse(Buffer.from(verified.entry).toString()) as {
    readonly metadata: { readonly event_code: string; readonly correlation_uid: string };
  };
}

let gateway: Gateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());

const post = (body: unknown = switchOff, as = "oncall", headers = {}) =>
  gateway.request("POST", path, { body, as, headers });

describe("the receipt in a reply to a change proves its record", () => {
  it("that was applied", async () => {
    const reply = await post();
    const { id } = reply.json as { id: string };
    expect(provenRecord(gateway, reply)).toMatchObject({
      metadata: { event_code: "credential.status.outcome", correlation_uid: id },
      status: "Success",
    });
  });

  it("that was denied", async () => {
    const reply = await post(switchOff, "viewer");
    const { statusChange } = reply.json as { statusChange: string };
    expect([reply.status, provenRecord(gateway, reply)]).toMatchObject([
      403,
      { metadata: { event_code: "credential.status.denied", correlation_uid: statusChange } },
    ]);
  });

  it("also of many that were denied at once, each its own", async () => {
    const replies = await Promise.all(Array.from({ length: 40 }, () => post(switchOff, "viewer")));
    const ids = replies.map((reply) => {
      const { correlation_uid: id } = provenRecord(gateway, reply).metadata;
      expect((reply.json as { statusChange: string }).statusChange).toBe(id);
      return id;
    });
    expect(new Set(ids).size).toBe(40);
  });

  it("that IAM knew nothing of", async () => {
    const reply = await post({ ...switchOff, credential: { ...certificate, userName: "Nobody" } });
    expect([reply.status, provenRecord(gateway, reply)]).toMatchObject([404, { status: "Failure" }]);
  });

  it("that IAM refused, in which IAM's own words are not", async () => {
    gateway.standIn.faults.next({ kind: "access-denied", action: "UpdateSigningCertificate" });
    const reply = await post();
    const record = provenRecord(gateway, reply);
    expect([reply.status, record]).toMatchObject([502, { status: "Failure", status_code: "AccessDenied" }]);
    expect(JSON.stringify(record)).not.toContain("told to refuse");
  });

  it("whose answer was lost, and that was read back", async () => {
    await post({ ...switchOff, status: "Active", ticket: "SEC-1" });
    gateway.standIn.faults.next({ kind: "reset-after", action: "UpdateSigningCertificate" });
    const reply = await post();
    expect([reply.status, provenRecord(gateway, reply).metadata]).toMatchObject([
      201,
      { event_code: "credential.status.reconciled" },
    ]);
  });

  it("that is replayed, as it stands now", async () => {
    const headers = { "idempotency-key": "receipt-1" };
    const first = await post(switchOff, "oncall", headers);
    await post(switchOff, "viewer");
    const again = await post(switchOff, "oncall", headers);
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    expect(provenRecord(gateway, again)).toEqual(provenRecord(gateway, first));
    // In the tree of now, which has grown.
    expect(receiptOf(again).proof).not.toBe(receiptOf(first).proof);
  });

  it("to who looks at it later, and asked for it", async () => {
    const first = await post();
    const later = await gateway.request("GET", String(first.headers.get("location")));
    expect(provenRecord(gateway, later)).toEqual(provenRecord(gateway, first));
  });

  it("without the record itself to others who may look", async () => {
    const first = await post();
    const seen = await gateway.request("GET", String(first.headers.get("location")), { as: "bob" });
    const { proof } = receiptOf(seen);
    expect(parseProof(String(proof)).extra).toBeUndefined();
    const { extra: entry } = parseProof(String(receiptOf(first).proof));
    if (entry === undefined) throw new Error("no record came with the receipt");
    expect(verifyProof(String(proof), { verifiers: gateway.verifiers, entry }).index).toBe(receiptOf(first).index);
  });
});

describe("a receipt with a bit changed", () => {
  it("proves nothing, wherever it was changed", async () => {
    const reply = await post(switchOff, "viewer");
    const proof = String(receiptOf(reply).proof);
    const { verifiers } = gateway;
    for (let at = 0; at < proof.length; at += 7) {
      const changed = proof.slice(0, at) + String.fromCharCode(proof.charCodeAt(at) ^ 1) + proof.slice(at + 1);
      expect(() => verifyProof(changed, { verifiers }), `character ${at}`).toThrow();
    }
  });
});

describe("a proof that cannot be had", () => {
  let broken: Gateway;
  const state = { provable: true };
  beforeEach(async () => {
    state.provable = true;
    broken = await startGateway({
      journal: (real) => ({
        ...real,
        proven: (index) => (state.provable ? real.proven(index) : Promise.reject(new Error("the disk hangs"))),
      }),
    });
  });
  afterEach(() => broken.close());

  it("keeps no change from being told, now or later", async () => {
    state.provable = false;
    const options = { body: switchOff, headers: { "idempotency-key": "receipt-2" } };
    const first = await broken.request("POST", path, options);
    expect(provenRecord(broken, first).metadata.event_code).toBe("credential.status.outcome");
    const again = await broken.request("POST", path, options);
    const looked = await broken.request("GET", String(first.headers.get("location")));
    expect([again, looked].map(({ status }) => status)).toEqual([201, 200]);
    for (const reply of [again, looked]) expect(receiptOf(reply)).toEqual({ ...receiptOf(first), proof: null });
  });
});

describe("a change that is not settled", () => {
  it("whose outcome could not be recorded comes with the receipt of its intent", async () => {
    const stuck = await startGateway({
      journal: (real) => ({ ...real, finish: () => Promise.reject(new Error("the disk is full")) }),
    });
    const reply = await stuck.request("POST", path, { body: switchOff });
    expect([reply.status, provenRecord(stuck, reply).metadata]).toMatchObject([
      504,
      { event_code: "credential.status.intent" },
    ]);
    await stuck.close();
  });

  it("also when its records cannot be read: then without", async () => {
    const stuck = await startGateway({
      journal: (real) => ({
        ...real,
        finish: () => Promise.reject(new Error("the disk is full")),
        recordsOf: () => Promise.reject(new Error("the disk is gone")),
      }),
    });
    const { status, json } = await stuck.request("POST", path, { body: switchOff });
    expect([status, json]).toMatchObject([504, { type: "urn:lockkeeper:problem:outcome-unrecorded" }]);
    expect(json).not.toHaveProperty("receipt");
    await stuck.close();
  });

  it("whose outcome is not known comes with the receipt of what is", async () => {
    const lost = await startGateway();
    lost.standIn.faults.next({ kind: "reset-before", action: "UpdateSigningCertificate" });
    const reply = await lost.request("POST", path, { body: switchOff });
    expect([reply.status, provenRecord(lost, reply)]).toMatchObject([504, { status: "Unknown" }]);
    await lost.close();
  });
});

describe("a look-up that was denied", () => {
  it("comes with its receipt, and without a proof", async () => {
    const { status, json } = await gateway.request("GET", "/v1/users/Bob/credentials", { as: "sofia" });
    expect([status, Object.keys(receiptOf({ json }))]).toEqual([403, ["index", "leafHash"]]);
  });
});
