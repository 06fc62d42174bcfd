import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Journal } from "../../src/audit/journal.ts";
import { openSqliteStore } from "../../src/audit/sqlite/store.ts";
import { openJournal } from "../../src/audit/store-journal.ts";
import type { Facts } from "../../src/policy/facts.ts";
import { changeInput } from "../../src/policy/input.ts";
import {
  type AuthorizedChange,
  authorizeAuditRead,
  authorizeChange,
  authorizeRead,
  explainChange,
  type Pdp,
  type PepOptions,
} from "../../src/policy/pep.ts";
import { TestClock } from "../fixture/clock.ts";
import { dataFolder } from "../fixture/data-folder.ts";
import { openToRead } from "../fixture/database.ts";
import { tellingFacts } from "../fixture/facts.ts";
import { testLogKeys } from "../fixture/log-keys.ts";
import { compileRego, pdpWith, sandboxData, shippedBundle } from "./policies.ts";
import { ACCOUNT, change, context, principal, time } from "./requests.ts";

const shipped = pdpWith(shippedBundle(), sandboxData()).pdp;
const oncall = principal("oncall");
const viewer = principal("viewer");

const folder = dataFolder();
let journal: Journal;
let clock: TestClock;
beforeEach(async () => {
  journal = openJournal(
    await openSqliteStore(folder.database, { exclusive: true, owner: "sandbox", keys: testLogKeys }),
    {
      deadlineMs: 20_000,
      maxQueue: 100,
    },
  );
  clock = new TestClock();
});
afterEach(async () => {
  await journal.close();
  folder.remove();
});

function pep(pdp: Pdp = shipped, ownUserNames: readonly string[] = ["lockkeeper"], facts?: Facts): PepOptions {
  return { pdp, ...tellingFacts(journal, clock, facts), journal, clock, time, ownUserNames, validForMs: 5000 };
}

/** The log as another process would find it on disk. */
function recordsOnDisk(): readonly { readonly metadata: { readonly event_code: string } }[] {
  const db = openToRead(folder.database);
  try {
    return db
      .prepare("SELECT body FROM records ORDER BY idx")
      .all()
      .map((row) => JSON.parse(String(row["body"])));
  } finally {
    db.close();
  }
}
const codesOnDisk = () => recordsOnDisk().map(({ metadata }) => metadata.event_code);

const ownKey = (userName: string) =>
  ({ credential: { type: "access-key", id: "AKIALOCKKEEPEREXAMPLE", userName } }) as const;

describe("an allowed change", () => {
  it("comes with the decision, the input that was judged, and the time until which it may be sent", async () => {
    const asked = change(oncall, { reason: "leaked" });
    const authorization = await authorizeChange(pep(), asked);
    if (!authorization.allowed) throw new Error("it was denied");
    const { decision, input, notAfter, change: judged } = authorization.change;
    expect(judged).toBe(asked);
    expect(decision).toMatchObject({ allow: true, reasons: [{ code: "oncall-switch-off" }], obligations: [] });
    expect(decision.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    expect(input).toMatchObject({ principal: { id: "oncall" }, change: { status: "Inactive", reason: "leaked" } });
    expect(notAfter).toBe(clock.now() + 5000);
    expect(recordsOnDisk()).toEqual([]);
  });

  it("can be used once", async () => {
    const authorization = await authorizeChange(pep(), change(oncall));
    if (!authorization.allowed) throw new Error("it was denied");
    authorization.change.take();
    expect(() => authorization.change.take()).toThrow("used twice");
  });

  it("cannot be given more time, another change, or a copy's second use", async () => {
    const authorization = await authorizeChange(pep(), change(oncall));
    if (!authorization.allowed) throw new Error("it was denied");
    const allowed = authorization.change;
    expect(() => Object.assign(allowed, { notAfter: Number.POSITIVE_INFINITY })).toThrow(TypeError);
    expect(() => Object.assign(allowed, { change: change(viewer) })).toThrow(TypeError);
    const copy: AuthorizedChange = Object.create(allowed);
    expect(() => copy.take()).toThrow(TypeError);
  });

  it("cannot be made by hand", async () => {
    const authorization = await authorizeChange(pep(), change(oncall));
    if (!authorization.allowed) throw new Error("it was denied");
    const { change: judged, decision, input, notAfter } = authorization.change;
    // @ts-expect-error It has all that can be seen of an authorized change, and still is none to the compiler.
    const lookAlike: AuthorizedChange = { change: judged, decision, input, notAfter, take: () => {} };
    // @ts-expect-error Nor is a copy.
    const copy: AuthorizedChange = { ...authorization.change };
    expect([lookAlike.notAfter, copy.notAfter]).toEqual([notAfter, notAfter]);
  });
});

describe("a denied change", () => {
  it("is on disk when its caller hears of it", async () => {
    const asked = change(viewer);
    const authorization = await authorizeChange(pep(), asked);
    const [record] = recordsOnDisk();
    expect(authorization).toMatchObject({
      allowed: false,
      decision: { allow: false, reasons: [{ code: "not-permitted" }] },
      receipt: { index: 0, leafHash: expect.stringMatching(/^[0-9a-f]{64}$/) },
    });
    expect(record).toMatchObject({ metadata: { event_code: "credential.status.denied", correlation_uid: asked.id } });
    expect(JSON.stringify(record)).toContain('"code":"not-permitted"');
  });

  it("is nothing that its caller hears of when the log cannot take it", async () => {
    await journal.close();
    await expect(authorizeChange(pep(), change(viewer))).rejects.toMatchObject({ code: "audit-unavailable" });
  });
});

describe("the gateway's own user", () => {
  const wideOpen = pdpWith(
    compileRego(`
      reasons := [{"code": "wide-open", "message": "Everything goes."}]
      decision := {"allow": input.principal.id != "nobody", "reasons": reasons, "obligations": []}`),
  ).pdp;

  it.each(["lockkeeper", "LOCKKEEPER", "LockKeeper"])(
    "%s is closed though the policies allow everything",
    async (userName) => {
      for (const status of ["Active", "Inactive"] as const) {
        const asked = change(principal("admin"), { ...ownKey(userName), status });
        expect(wideOpen.decide(changeInput(asked, time)).allow).toBe(true);
        expect(await authorizeChange(pep(wideOpen), asked)).toMatchObject({
          allowed: false,
          decision: { allow: false, reasons: [{ code: "gateway-own-user" }] },
        });
      }
      expect(codesOnDisk()).toEqual(["credential.status.denied", "credential.status.denied"]);
    },
  );

  it("is closed in the configured spelling too", async () => {
    const asked = change(oncall, ownKey("lockkeeper"));
    expect((await authorizeChange(pep(wideOpen, ["LockKeeper"]), asked)).allowed).toBe(false);
  });

  it("is closed under each of its names", async () => {
    for (const userName of ["lockkeeper", "gateway"]) {
      const names = ["gateway", "lockkeeper"];
      expect((await authorizeChange(pep(wideOpen, names), change(oncall, ownKey(userName)))).allowed).toBe(false);
    }
  });

  it("is the only one that is", async () => {
    expect((await authorizeChange(pep(wideOpen), change(oncall, ownKey("lockkeeper2")))).allowed).toBe(true);
    expect((await authorizeChange(pep(wideOpen, []), change(oncall, ownKey("lockkeeper")))).allowed).toBe(true);
  });

  it("is said to be closed once, beside what else policy says", async () => {
    const authorization = await authorizeChange(pep(), change(principal("mallory"), ownKey("lockkeeper")));
    if (authorization.allowed) throw new Error("it was allowed");
    expect(authorization.decision.reasons.map(({ code }) => code)).toEqual(["gateway-own-user", "principal-suspended"]);
  });

  it("may be looked at", async () => {
    const read = {
      action: "lockkeeper:ListCredentials",
      credential: { userName: "lockkeeper", account: ACCOUNT },
    } as const;
    expect((await authorizeRead(pep(), { ...read, principal: viewer, context })).allowed).toBe(true);
  });

  it("is closed in a what-if as well", async () => {
    expect(await explainChange(pep(wideOpen), change(oncall, ownKey("LOCKKEEPER")))).toMatchObject({
      decision: { allow: false },
      explanation: { reasons: [{ code: "gateway-own-user", source: "gateway", rules: [] }], remedies: [] },
    });
  });
});

describe("a look", () => {
  const read = {
    action: "lockkeeper:ListCredentials",
    credential: { userName: "Bob", account: ACCOUNT },
    context,
  } as const;

  it("that is allowed comes with its decision", async () => {
    const authorization = await authorizeRead(pep(), { ...read, principal: viewer });
    expect(authorization).toMatchObject({ allowed: true, decision: { reasons: [{ code: "viewer-may-look" }] } });
    expect(recordsOnDisk()).toEqual([]);
  });

  it("that is denied is on disk when its caller hears of it", async () => {
    const authorization = await authorizeRead(pep(), { ...read, principal: principal("stranger") });
    expect(authorization).toMatchObject({ allowed: false, receipt: { index: 0 } });
    expect(codesOnDisk()).toHaveLength(1);
  });
});

describe("a look at the audit log", () => {
  const what = { operation: "listRecords", query: { from: 0, limit: 20 } };

  it("that is allowed is on disk before anything is shown", async () => {
    const auditor = { principal: principal("auditor"), context };
    expect(await authorizeAuditRead(pep(), auditor, what)).toMatchObject({ allowed: true });
    expect(recordsOnDisk()).toMatchObject([
      { metadata: { event_code: "lockkeeper.audit.read" }, api: { request: { data: what.query } } },
    ]);
  });

  it("that is denied is on disk, too, and once", async () => {
    const authorization = await authorizeAuditRead(pep(), { principal: oncall, context }, what);
    expect(authorization).toMatchObject({ allowed: false, receipt: { index: 0 } });
    expect(codesOnDisk()).toEqual(["lockkeeper.read.denied"]);
  });

  it("is none while the log cannot take its record", async () => {
    await journal.close();
    const reading = authorizeAuditRead(pep(), { principal: principal("auditor"), context }, what);
    await expect(reading).rejects.toMatchObject({ code: "audit-unavailable" });
  });
});

describe("a what-if", () => {
  it.each([
    ["allowed", oncall, true],
    ["denied", viewer, false],
  ])("that would be %s is told and recorded", async (_, who, allow) => {
    expect(await explainChange(pep(), change(who))).toMatchObject({ decision: { allow } });
    expect(codesOnDisk()).toHaveLength(1);
  });
});
