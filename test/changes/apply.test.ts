import { afterEach, describe, expect, it } from "vitest";
import type { Intent } from "../../src/audit/journal.ts";
import { Reconciler } from "../../src/changes/reconcile.ts";
import { LockkeeperError } from "../../src/errors.ts";
import { openToRead } from "../fixture/database.ts";
import { type Gateway, type GatewayOptions, startGateway } from "../fixture/gateway.ts";

const path = "/v1/status-changes";
const certificate = { type: "signing-certificate", id: "TA7SMP42TDN5Z26OBPJE7EXAMPLE", userName: "Bob" };
const off = { credential: certificate, status: "Inactive" };
const on = { credential: certificate, status: "Active", ticket: "SEC-1" };
const UPDATE = "UpdateSigningCertificate";

let gateway: Gateway;
const start = async (options?: GatewayOptions) => {
  gateway = await startGateway(options);
};
afterEach(() => gateway.close());

const post = (body: unknown, headers = {}) => gateway.request("POST", path, { body, headers });
const sent = () => gateway.standIn.journal.entries();
const statusInIam = async () => {
  const { json } = await gateway.request("GET", "/v1/users/Bob/credentials");
  const { credentials } = json as { credentials: { id: string; status: string }[] };
  return credentials.find(({ id }) => id === certificate.id)?.status;
};

/** What stands in the database's records, in order, as somebody sees it who opens the file beside the gateway. */
function recorded(): { code: string; correlation: string; body: Record<string, unknown> }[] {
  const db = openToRead(gateway.database);
  const rows = db.prepare("SELECT body FROM records ORDER BY idx").all();
  db.close();
  return rows.map((row) => {
    const body = JSON.parse(String(row["body"]));
    return { code: body.metadata.event_code, correlation: body.metadata.correlation_uid, body };
  });
}

describe("no record, no effect", () => {
  it("the intent is durable before IAM is asked, and the outcome before the caller is answered", async () => {
    await start();
    let seen: string[] = [];
    gateway.standIn.beforeAnswer = ({ changeId }) => {
      seen = recorded()
        .filter(({ correlation }) => correlation === changeId)
        .map(({ code }) => code);
    };
    expect((await post(off)).status).toBe(201);
    expect(seen).toEqual(["credential.status.intent"]);
    expect(recorded().map(({ code }) => code)).toEqual(["credential.status.intent", "credential.status.outcome"]);
  });

  it("IAM's answer that is lost after the effect is unknown, sent once, and settles by reading back", async () => {
    await start();
    let intents = 0;
    gateway.standIn.beforeAnswer = ({ changeId }) => {
      intents = recorded().filter(({ correlation }) => correlation === changeId).length;
    };
    gateway.standIn.faults.next({ kind: "reset-after", action: UPDATE });
    const { status, json } = await post(off);
    expect([status, json]).toMatchObject([
      201,
      { outcome: "unknown", changed: null, readBack: { result: "as-wanted" } },
    ]);
    expect(intents).toBe(1);
    expect(sent()).toMatchObject([{ applied: true, userName: "Bob" }]);
    expect(recorded().map(({ code }) => code.split(".").at(-1))).toEqual(["intent", "outcome", "reconciled"]);
    expect((await post(on)).status).toBe(201);
  });

  it("a lost answer about a status that was the wanted one before proves nothing, and stays open", async () => {
    await start();
    gateway.standIn.faults.next({ kind: "reset-after", action: UPDATE });
    const { status, json } = await post(on);
    expect([status, json]).toMatchObject([504, { type: "urn:lockkeeper:problem:outcome-unknown" }]);
    expect(sent()).toHaveLength(1);
  });

  it("an intent that the log cannot take is a 503, and IAM hears nothing", async () => {
    const refuse = () => Promise.reject(new LockkeeperError("audit-unavailable", "The disk is full."));
    await start({ journal: (real) => ({ ...real, begin: refuse }) });
    const { status, json } = await post(off);
    expect([status, json]).toMatchObject([503, { type: "urn:lockkeeper:problem:audit-unavailable" }]);
    expect(sent()).toEqual([]);
  });

  it("a denial that the log cannot take is a 503 and no 403", async () => {
    const refuse = () => Promise.reject(new LockkeeperError("audit-unavailable", "The disk is full."));
    await start({ journal: (real) => ({ ...real, deny: refuse }) });
    expect((await gateway.request("POST", path, { body: off, as: "viewer" })).status).toBe(503);
  });

  it("an outcome that the log cannot take is a 504 that says so, never a 503", async () => {
    const refuse = () => Promise.reject(new LockkeeperError("audit-unavailable", "The disk is full."));
    await start({ journal: (real) => ({ ...real, finish: refuse }) });
    const { status, json } = await post(off);
    expect([status, json]).toMatchObject([504, { type: "urn:lockkeeper:problem:outcome-unrecorded" }]);
    expect(sent()).toHaveLength(1);
  });
});

describe("what reaches IAM", () => {
  it("names its user and its change, always", async () => {
    await start();
    const { json } = await gateway.request("POST", path, {
      body: { credential: { type: "service-specific-credential", id: "ACCAEXAMPLE123EXAMPLE" }, status: "Inactive" },
      as: "sofia",
    });
    expect(sent()).toMatchObject([{ userName: "sofia", changeId: (json as { id: string }).id }]);
  });

  it("is sent again, under the same intent, when throttling proves that nothing was done", async () => {
    await start();
    gateway.standIn.faults.next({ kind: "throttle", action: UPDATE, times: 2 });
    const { status, json } = await post(off);
    expect([status, json]).toMatchObject([201, { outcome: "applied" }]);
    expect(new Set(sent().map(({ changeId }) => changeId))).toEqual(new Set([(json as { id: string }).id]));
    expect(sent().map(({ applied }) => applied)).toEqual([false, false, true]);
    expect(recorded().filter(({ code }) => code === "credential.status.intent")).toHaveLength(1);
  });

  it("is given up at the deadline when throttling never ends: nothing was changed, and the credential is free", async () => {
    await start();
    gateway.standIn.faults.next({ kind: "throttle", action: UPDATE, times: "always" });
    const { status, json } = await post(off);
    expect([status, json]).toMatchObject([503, { type: "urn:lockkeeper:problem:iam-unavailable" }]);
    gateway.standIn.faults.clear();
    expect((await post(off)).status).toBe(201);
  });

  it.each(["reset-before", "server-error", "empty-200", "html-200", "no-content", "no-request-id"] as const)(
    "is never sent twice after an answer that proves nothing: %s",
    async (kind) => {
      await start();
      gateway.standIn.faults.next({ kind, action: UPDATE });
      const { json } = await post(off);
      expect(sent()).toHaveLength(1);
      expect(recorded().at(1)?.body).toMatchObject({ status: "Unknown" });
      expect(JSON.stringify(json)).not.toContain("failed");
    },
  );

  it("is not sent when the decision is no longer good", async () => {
    await start({
      journal: (real) => ({
        ...real,
        begin: async (intent) => {
          const begun = await real.begin(intent);
          gateway.clock.advance(5_001);
          return begun;
        },
      }),
    });
    const { status, json } = await post(off);
    expect([status, json]).toMatchObject([503, { type: "urn:lockkeeper:problem:change-not-sent" }]);
    expect(sent()).toEqual([]);
    expect(recorded().map(({ body }) => body["status_code"])).toEqual([undefined, "DeadlinePassed"]);
  });

  it("goes ahead although the previous status cannot be read", async () => {
    await start();
    gateway.standIn.faults.next({ kind: "access-denied", action: "ListSigningCertificates", times: 1 });
    const { status, json } = await post(off);
    expect([status, json]).toMatchObject([201, { previousStatus: null, changed: null }]);
  });

  it("is nothing that IAM does not know: 404, with its words, recorded", async () => {
    await start();
    const { status, json } = await post({ ...off, credential: { ...certificate, userName: "Nobody" } });
    expect([status, json]).toMatchObject([404, { awsCode: "NoSuchEntity" }]);
    expect(recorded().at(-1)?.body).toMatchObject({ status: "Failure", status_code: "NoSuchEntity" });
  });
});

describe("one change of a credential at a time", () => {
  it("the second is told which one it waits for", async () => {
    await start();
    let second: Awaited<ReturnType<typeof post>> | undefined;
    gateway.standIn.beforeAnswer = async () => {
      gateway.standIn.beforeAnswer = undefined;
      second = await post(on);
    };
    const { json } = await post(off);
    const { id } = json as { id: string };
    expect([second?.status, second?.json]).toMatchObject([409, { statusChange: id }]);
    expect(second?.headers.get("retry-after")).toMatch(/^[1-7]$/);
    expect(sent()).toHaveLength(1);
  });
});

describe("a change whose end is not known", () => {
  /** A change that IAM never answered and that could not be read back: 504, and still open. */
  const leaveOpen = async (body: object) => {
    await start();
    gateway.standIn.faults.next({ kind: "reset-before", action: UPDATE });
    gateway.standIn.faults.next({ kind: "access-denied", action: "ListSigningCertificates", times: "always" });
    const { status, json } = await post(body);
    expect([status, json]).toMatchObject([504, { type: "urn:lockkeeper:problem:outcome-unknown" }]);
    gateway.standIn.faults.clear();
    return (json as { statusChange: string }).statusChange;
  };
  const reconciler = (settled: unknown[], parts: object = {}) =>
    new Reconciler({
      iam: gateway.iam,
      journal: gateway.journal,
      clock: gateway.clock,
      instance: "one",
      intervalMs: 10_000,
      iamDeadlineMs: 5_000,
      graceMs: 30_000,
      giveUpMs: 900_000,
      readDeadlineMs: 2_000,
      onSettled: (changeId, { result }) => settled.push([changeId, result]),
      onFault: (error) => settled.push(error),
      ...parts,
    });

  it("holds up Active, and is overtaken by Inactive once its deadline has passed", async () => {
    const id = await leaveOpen(on);
    gateway.clock.advance(10_000);
    const again = await post(on);
    expect([again.status, again.json]).toMatchObject([409, { statusChange: id }]);
    const { status, json } = await post(off);
    expect([status, json]).toMatchObject([201, { outcome: "applied" }]);
    const overtaken = await gateway.request("GET", `${path}/${id}`);
    expect(overtaken.json).toMatchObject({
      outcome: "unknown",
      readBack: { result: "superseded", supersededBy: (json as { id: string }).id },
    });
    expect(await statusInIam()).toBe("Inactive");
  });

  it("is settled by two looks that agree, after the grace, and frees the credential", async () => {
    const id = await leaveOpen(off);
    const settled: unknown[] = [];
    const looks = reconciler(settled);
    await looks.pass();
    await looks.pass();
    expect(settled).toEqual([]);
    gateway.clock.advance(60_000);
    await looks.pass();
    expect(settled).toEqual([]);
    await looks.pass();
    expect(settled).toEqual([[id, "not-as-wanted"]]);
    expect(sent()).toHaveLength(1);
    const { json } = await gateway.request("GET", `${path}/${id}`);
    expect(json).toMatchObject({ outcome: "unknown", readBack: { result: "not-as-wanted", observed: "Active" } });
    expect((await post(on)).status).toBe(201);
  });

  it("is not believed to be settled by looks that differ", async () => {
    const id = await leaveOpen(off);
    const settled: unknown[] = [];
    const looks = reconciler(settled);
    gateway.clock.advance(60_000);
    await looks.pass();
    const bob = gateway.standIn.world.user("Bob");
    if (bob === undefined) throw new Error("there is no Bob");
    gateway.standIn.world.setStatus(bob, "signing-certificate", certificate.id, "Inactive");
    await looks.pass();
    expect(settled).toEqual([]);
    await looks.pass();
    expect(settled).toEqual([[id, "as-wanted"]]);
  });

  it("whose credential cannot be read is unresolved in the end, said loudly, and frees the credential", async () => {
    const id = await leaveOpen(off);
    const settled: unknown[] = [];
    const looks = reconciler(settled);
    gateway.standIn.faults.next({ kind: "access-denied", action: "ListSigningCertificates", times: "always" });
    gateway.clock.advance(600_000);
    await looks.pass();
    expect(settled).toEqual([]);
    gateway.clock.advance(600_000);
    await looks.pass();
    expect(settled).toEqual([[id, "unresolved"]]);
    gateway.standIn.faults.clear();
    const { json } = await gateway.request("GET", `${path}/${id}`);
    expect(json).toMatchObject({
      outcome: "unknown",
      changed: null,
      readBack: { result: "unresolved", observed: null },
      warnings: [expect.stringContaining("look at the credential itself")],
    });
    expect((await post(on)).status).toBe(201);
  });

  it("is not given up for one look that failed, however long ago it was", async () => {
    const id = await leaveOpen(off);
    const settled: unknown[] = [];
    const looks = reconciler(settled);
    gateway.standIn.faults.next({ kind: "access-denied", action: "ListSigningCertificates", times: "always" });
    gateway.clock.advance(3 * 86_400_000);
    await looks.pass();
    expect(settled).toEqual([]);
    gateway.standIn.faults.clear();
    await looks.pass();
    await looks.pass();
    expect(settled).toEqual([[id, "not-as-wanted"]]);
  });

  it("is overtaken by Inactive only when what was sent in its last moment must have arrived", async () => {
    const id = await leaveOpen(on);
    const { requestedAt } = (await gateway.request("GET", `${path}/${id}`)).json as { requestedAt: string };
    const deadline = Date.parse(requestedAt) + 5_000;
    gateway.clock.advance(deadline + 2_000 - gateway.clock.now());
    const early = await post(off);
    expect([early.status, early.json]).toMatchObject([409, { statusChange: id }]);
    gateway.clock.advance(1);
    expect((await post(off)).status).toBe(201);
  });

  it("is read back after a long standstill, and not given up unseen", async () => {
    const id = await leaveOpen(off);
    const settled: unknown[] = [];
    const looks = reconciler(settled);
    gateway.clock.advance(3 * 86_400_000);
    await looks.pass();
    expect(settled).toEqual([]);
    await looks.pass();
    expect(settled).toEqual([[id, "not-as-wanted"]]);
  });

  it("that cannot be settled does not keep others from it", async () => {
    const id = await leaveOpen(off);
    const settled: unknown[] = [];
    const broken = { type: "access-key", id: "AKIAIOSFODNN7EXAMPLE", userName: "Bob" };
    gateway.standIn.faults.next({ kind: "reset-before", action: "UpdateAccessKey" });
    gateway.standIn.faults.next({ kind: "access-denied", action: "ListAccessKeys", times: "always" });
    const { json } = await post({ credential: broken, status: "Inactive", ticket: "SEC-1" });
    gateway.standIn.faults.clear();
    const brokenId = (json as { statusChange: string }).statusChange;
    const looks = reconciler(settled, {
      journal: {
        overdue: async (before: number) => {
          const found = await gateway.journal.overdue(before);
          const [first, rest] = [
            found.filter((one) => one.id === brokenId),
            found.filter((one) => one.id !== brokenId),
          ];
          return [...first.map((change) => ({ ...change, records: [] })), ...rest];
        },
        finish: gateway.journal.finish,
        lease: gateway.journal.lease,
        endLease: gateway.journal.endLease,
      },
    });
    gateway.clock.advance(60_000);
    await looks.pass();
    await looks.pass();
    expect(settled).toEqual([expect.any(Error), [id, "not-as-wanted"]]);
  });

  it("that a crash left without an outcome is told as unknown, and settled in the same way", async () => {
    // As if the process had died right after the intent: nothing is sent, no outcome is written.
    const intents: Intent[] = [];
    await start({
      journal: (real) => ({
        ...real,
        begin: async (intent) => {
          intents.push(intent);
          await real.begin(intent);
          return new Promise(() => {});
        },
      }),
    });
    const waiting = fetch(gateway.url + path, {
      method: "POST",
      headers: { authorization: "Bearer sandbox-oncall", "content-type": "application/json" },
      body: JSON.stringify(off),
    }).catch(() => {});
    while ((await gateway.journal.overdue(Number.MAX_SAFE_INTEGER)).length === 0) await new Promise(setImmediate);
    const id = intents[0]?.change.id;
    expect((await gateway.request("GET", `${path}/${id}`)).json).toMatchObject({ outcome: "pending" });
    gateway.clock.advance(60_000);
    expect((await gateway.request("GET", `${path}/${id}`)).json).toMatchObject({ outcome: "unknown", readBack: null });
    const settled: unknown[] = [];
    const looks = reconciler(settled);
    await looks.pass();
    await looks.pass();
    expect(settled).toEqual([[id, "not-as-wanted"]]);
    gateway.server.closeAllConnections();
    await waiting;
  });
});
