import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { openPostgresStore } from "../../src/audit/postgres/store.ts";
import type { Iam } from "../../src/changes/iam-answers.ts";
import { type Gateway, type RequestOptions, startGateway } from "../fixture/gateway.ts";
import { testLogKeys } from "../fixture/log-keys.ts";
import { newSchema, postgresDatabase, type TestDatabase } from "../fixture/postgres.ts";

const BOBS_KEYS = ["AKIAIOSFODNN7EXAMPLE", "AKIAI44QH8DHBEXAMPLE"] as const;

const switchOff = (of: Gateway, id: string, { body = {}, ...more }: RequestOptions & { body?: object } = {}) =>
  of.request("POST", "/v1/status-changes", {
    body: { credential: { type: "access-key", id, userName: "Bob" }, status: "Inactive", ...body },
    ...more,
  });
const codesOf = ({ json }: { json: unknown }) =>
  (json as { decision: { reasons: { code: string }[] } }).decision.reasons.map(({ code }) => code);
const activeKeys = (of: Gateway) =>
  [...(of.standIn.world.user("Bob")?.credentials["access-key"].values() ?? [])].filter(
    ({ status }) => status === "Active",
  );

describe("a decision that depends on what IAM tells", () => {
  let gateway: Gateway;
  beforeEach(async () => {
    gateway = await startGateway();
  });
  afterEach(() => gateway.close());

  const calls = (...actions: string[]) => actions.map((action) => gateway.standIn.journal.calls(action));
  const inputsOnRecord = async () =>
    (await gateway.journal.records({ from: 0, limit: 100 })).records.flatMap(({ body }) => {
      const { metadata, unmapped } = JSON.parse(body ?? "");
      return unmapped?.input ? [{ code: metadata.event_code, facts: unmapped.input.facts }] : [];
    });

  it("costs IAM nothing when policy denies without it", async () => {
    for (const as of ["viewer", "chatops", "auditor"]) {
      const denied = await switchOff(gateway, BOBS_KEYS[0], { as });
      expect(denied.status).toBe(403);
    }
    const body = { credential: { type: "access-key", id: BOBS_KEYS[0], userName: "Bob" }, status: "Active" };
    expect((await gateway.request("POST", "/v1/status-changes", { body })).status, "no ticket").toBe(403);
    expect(calls("GetUser", "ListAccessKeys", "GetAccessKeyLastUsed", "UpdateAccessKey")).toEqual([0, 0, 0, 0]);
    expect((await inputsOnRecord()).every(({ facts }) => facts === undefined)).toBe(true);
  });

  it("is made on facts that are looked up once, and recorded with it", async () => {
    expect((await switchOff(gateway, BOBS_KEYS[0])).status).toBe(201);
    // One list for the facts, another for the status before.
    expect(calls("GetUser", "ListAccessKeys", "UpdateAccessKey")).toEqual([1, 2, 1]);
    expect((await switchOff(gateway, BOBS_KEYS[1])).status).toBe(403);
    const sibling = (status: string, id: string) => ({ siblings: [expect.objectContaining({ id, status })] });
    const user = { user: { path: "/", createdAt: expect.anything(), tags: { team: "web" } } };
    expect(await inputsOnRecord()).toEqual([
      { code: "credential.status.intent", facts: { ...user, ...sibling("Active", BOBS_KEYS[1]) } },
      { code: "credential.status.denied", facts: { ...user, ...sibling("Inactive", BOBS_KEYS[0]) } },
    ]);
  });

  it("asks for no more than it depends on", async () => {
    expect((await switchOff(gateway, BOBS_KEYS[0], { body: { ticket: "SEC-1" } })).status).toBe(201);
    expect(calls("GetUser", "ListAccessKeys"), "on-call with a ticket").toEqual([1, 1]);
    expect((await switchOff(gateway, BOBS_KEYS[1], { as: "admin", body: { ticket: "SEC-1" } })).status).toBe(201);
    expect(calls("GetUser", "ListAccessKeys"), "an admin with a ticket").toEqual([1, 2]);
  });

  it("is told beforehand by a what-if, facts and all", async () => {
    const body = {
      credential: { type: "access-key", id: "AKIALONELYKEYEXAMPLE", userName: "lonely" },
      status: "Inactive",
    };
    const { json } = await gateway.request("POST", "/v1/decisions", { body });
    expect(json).toMatchObject({ allow: false, reasons: [{ code: "last-active-access-key" }] });
    expect(await inputsOnRecord()).toMatchObject([{ code: "credential.status.what-if", facts: { siblings: [] } }]);
  });

  it("denies when IAM does not tell, but for those to whom it makes no difference", async () => {
    gateway.standIn.faults.next({ kind: "access-denied", action: "GetUser", times: "always" });
    gateway.standIn.faults.next({ kind: "server-error", action: "ListAccessKeys", times: "always" });
    const denied = await switchOff(gateway, BOBS_KEYS[0]);
    expect([denied.status, codesOf(denied)]).toEqual([
      403,
      ["last-active-access-key-not-known", "protected-tag-not-known"],
    ]);
    expect(await inputsOnRecord()).toMatchObject([
      { facts: { user: null, siblings: null, unavailable: { user: "refused", siblings: "unavailable" } } },
    ]);
    expect((await switchOff(gateway, BOBS_KEYS[0], { as: "admin", body: { ticket: "SEC-1" } })).status).toBe(201);
  });

  it("says in IAM's words that there is no such user", async () => {
    const credential = { type: "access-key", id: BOBS_KEYS[0], userName: "nobody" };
    const { status } = await gateway.request("POST", "/v1/status-changes", {
      body: { credential, status: "Inactive" },
    });
    expect(status).toBe(404);
  });

  it("lets the next one in after a denial, a refusal of IAM's, a lost answer, and a repeated key", async () => {
    const idempotent = { headers: { "idempotency-key": "again-and-again-1" } };
    const lonely = {
      credential: { type: "access-key", id: "AKIALONELYKEYEXAMPLE", userName: "lonely" },
      status: "Inactive",
    };
    expect((await gateway.request("POST", "/v1/status-changes", { body: lonely })).status).toBe(403);
    expect((await gateway.request("POST", "/v1/status-changes", { body: lonely })).status).toBe(403);
    for (const kind of ["access-denied", "throttle"] as const) {
      gateway.standIn.faults.next({ kind, action: "UpdateAccessKey" });
      await switchOff(gateway, BOBS_KEYS[0]);
    }
    expect((await switchOff(gateway, BOBS_KEYS[0], idempotent)).status).toBe(201);
    const again = await switchOff(gateway, BOBS_KEYS[0], idempotent);
    expect([again.status, again.headers.get("idempotency-replayed")]).toEqual([201, "true"]);
    gateway.standIn.faults.next({ kind: "server-error-after", action: "UpdateAccessKey" });
    await switchOff(gateway, BOBS_KEYS[0]);
    expect(await gateway.journal.lease("user 123456789012 bob", "anybody", gateway.clock.now(), 1)).toBe(true);
  });
});

/** What each round is to end with. */
async function endsWithOneDenied(gateways: readonly Gateway[]): Promise<void> {
  const [one, other = one] = gateways;
  if (one === undefined || other === undefined) throw new Error("there is no gateway");
  const answers = await Promise.all([switchOff(one, BOBS_KEYS[0]), switchOff(other, BOBS_KEYS[1])]);
  expect(answers.map(({ status }) => status).sort()).toEqual([201, 403]);
  const denied = answers.find(({ status }) => status === 403);
  expect(denied && codesOf(denied)).toEqual(["last-active-access-key"]);
  expect(activeKeys(one)).toHaveLength(1);
}

describe("two switch-offs at once of a user's two active access keys, without a ticket, end with one denied", () => {
  const opened: Gateway[] = [];
  const open = async (...options: Parameters<typeof startGateway>) => {
    const gateway = await startGateway(...options);
    opened.push(gateway);
    return gateway;
  };
  afterEach(async () => {
    // Whoever brought the stand-in closes it last.
    for (const gateway of opened.splice(0).reverse()) await gateway.close();
  });

  it("again and again", async () => {
    for (let round = 0; round < 10; round += 1) {
      await endsWithOneDenied([await open()]);
    }
  });

  it("though IAM's list does not show for a while what was changed", async () => {
    let before: ReturnType<Iam["list"]> | undefined;
    const iam = (real: Iam): Iam => ({
      ...real,
      list: (...asked) => {
        before ??= real.list(...asked);
        return before;
      },
    });
    await endsWithOneDenied([await open({ iam })]);
  });

  it("though IAM takes its time", async () => {
    const gateway = await open();
    gateway.standIn.faults.next({ kind: "latency", ms: 150, times: "always" });
    await endsWithOneDenied([gateway]);
  });

  it("and with the answer lost, nothing is claimed and the other key stays on", async () => {
    const gateway = await open();
    gateway.standIn.faults.next({ kind: "reset-after", action: "UpdateAccessKey" });
    const answers = await Promise.all(BOBS_KEYS.map((id) => switchOff(gateway, id)));
    expect(answers.filter(({ status }) => status === 201 || status === 504).length).toBeLessThanOrEqual(1);
    expect(activeKeys(gateway).length).toBeGreaterThanOrEqual(1);
  });

  it("or with one told to ask again, when the other is somewhere else and takes too long", async () => {
    let tried = 0;
    const gateway = await open({
      journal: (real) => ({
        ...real,
        lease: (...asked) => {
          tried += 1;
          return real.lease(...asked);
        },
      }),
    });
    const name = "user 123456789012 bob";
    expect(await gateway.journal.lease(name, "another gateway", gateway.clock.now(), 60_000)).toBe(true);
    const waiting = switchOff(gateway, BOBS_KEYS[0]);
    await vi.waitUntil(() => tried > 1, { timeout: 20_000 });
    gateway.clock.advance(6_000);
    const { status, headers, json } = await waiting;
    expect([status, headers.get("retry-after")]).toEqual([409, "1"]);
    expect(json).toMatchObject({ type: expect.stringContaining("change-in-flight") });
    expect(gateway.standIn.journal.calls("GetUser")).toBe(0);
    // Whoever has a ticket does not wait for that.
    expect((await switchOff(gateway, BOBS_KEYS[1], { body: { ticket: "SEC-123" } })).status).toBe(201);
    gateway.clock.advance(60_000);
    expect((await switchOff(gateway, BOBS_KEYS[0])).status).toBe(403);
  });

  it("unless a ticket is given for one of them", async () => {
    const gateway = await open();
    const answers = await Promise.all([
      switchOff(gateway, BOBS_KEYS[0]),
      switchOff(gateway, BOBS_KEYS[1], { body: { ticket: "SEC-123" } }),
    ]);
    expect(answers[1]?.status).toBe(201);
    expect([201, 403]).toContain(answers[0]?.status);
  });

  describe("at two gateways that share a log", () => {
    let database: TestDatabase;
    beforeAll(async () => {
      database = await postgresDatabase();
    });
    afterAll(() => database.drop());

    it("again and again", async () => {
      const schema = newSchema();
      const address = { ...database.address, schema, owner: "sandbox", keys: testLogKeys };
      const one = await open({ store: await openPostgresStore(address) });
      const other = await open({ store: await openPostgresStore(address), standIn: one.standIn });
      for (let round = 0; round < 10; round += 1) {
        await endsWithOneDenied([one, other]);
        for (const id of BOBS_KEYS) {
          const user = one.standIn.world.user("Bob");
          if (user) one.standIn.world.setStatus(user, "access-key", id, "Active");
        }
        // Long enough for the log to believe IAM's list again.
        for (const { clock } of [one, other]) clock.advance(3 * 60_000);
      }
    });
  });
});
