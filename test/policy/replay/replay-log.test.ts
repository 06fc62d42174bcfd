import { copyFileSync, mkdtempSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openSqliteReader } from "../../../src/audit/sqlite/reader.ts";
import { loadBundle } from "../../../src/policy/bundle.ts";
import type { PolicyData } from "../../../src/policy/data.ts";
import type { Replay, ReplayOptions } from "../../../src/policy/replay/replay.ts";
import { replayLog } from "../../../src/policy/replay/replay-log.ts";
import { openOn, recordsIn } from "../../audit/sqlite-fixture.ts";
import { Attacker } from "../../audit/verify/attacker.ts";
import {
  candidate,
  type Edit,
  flipsAtNight,
  hasTicket,
  isOncall,
  isOutOfReach,
  isUpdate,
  nightNeedsTicket,
} from "../../fixture/candidates.ts";
import { dataFolder } from "../../fixture/data-folder.ts";
import { refusal } from "../../fixture/errors.ts";
import { type Asked, decideOnRecord, mixedRequest } from "../../fixture/history.ts";
import { makeLog01 } from "../../fixture/log-0.1.ts";
import { lenientData, pdpWith, sandboxData, shippedBundle } from "../policies.ts";

const folder = dataFolder();
const asked = Array.from({ length: 2400 }, (_, number) => mixedRequest(number));
beforeAll(async () => {
  const journal = await openOn(folder.database);
  const { pdp } = pdpWith(shippedBundle(), lenientData());
  for (let from = 0; from < asked.length; from += 100) {
    await Promise.all(asked.slice(from, from + 100).map((each) => decideOnRecord(journal, pdp, each)));
  }
  await journal.close();
});
afterAll(() => folder.remove());

const shipped = () => ({ bundle: shippedBundle(), data: lenientData() });
const built = (edits: readonly Edit[]) => loadBundle(candidate(mkdtempSync(join(folder.path, "candidate-")), edits));

async function judgedAgain(options: ReplayOptions, file = folder.database): Promise<Replay> {
  const reader = openSqliteReader(file);
  try {
    return await replayLog(reader, options);
  } finally {
    await reader.close();
  }
}

/** What the decisions on record were about, by index. */
function onRecord(file = folder.database): Map<number, Asked> {
  const found = new Map<number, Asked>();
  for (const { index, body } of recordsIn(file)) {
    const requestId = JSON.parse(body ?? "{}").unmapped?.input?.context.requestId;
    if (requestId !== undefined) found.set(index, mixedRequest(Number(requestId.slice("request-".length))));
  }
  return found;
}

/** Indexes of the records that a rule picks. */
function indexes(picks: (asked: Asked) => boolean): number[] {
  return [...onRecord()].filter(([, each]) => picks(each)).map(([index]) => index);
}

/** Denied then without a look at the user's other keys, which nobody can judge by them now. */
function lacksFacts(each: Asked): boolean {
  const { credential, status } = each.change;
  return isUpdate(each) && credential.type === "access-key" && status === "Inactive" && !hasTicket(each);
}

const flipped = ({ groups }: Replay) => groups.flatMap(({ records }) => records).sort((a, b) => a - b);

function siteWith(change: (site: { roles: { groups: object; principals: object } }) => void): PolicyData {
  const data = structuredClone(lenientData()) as { readonly site: Parameters<typeof change>[0] };
  change(data.site);
  return data;
}

/** A copy of the log, and somebody who tampers with it. */
async function tampered<T>(attack: (by: Attacker) => void, run: (file: string) => Promise<T>): Promise<T> {
  const copy = dataFolder();
  copyFileSync(folder.database, copy.database);
  const by = new Attacker(copy.database);
  attack(by);
  by.close();
  try {
    return await run(copy.database);
  } finally {
    copy.remove();
  }
}

describe("the history of a log, put before a candidate", () => {
  it("flips nothing under the policies and the data that decided it, and leaves no decision out", async () => {
    const found = await judgedAgain(shipped());
    const kinds = new Set([...onRecord().values()].map(({ kind }) => kind));
    expect(kinds).toEqual(new Set(["change", "what-if", "look", "audit-read"]));
    expect(found).toMatchObject({ judged: onRecord().size, flips: { "deny-to-allow": 0, "allow-to-deny": 0 } });
    expect(found).toMatchObject({ otherReasons: 0, pruned: 0, unreadable: 0, faults: [], groups: [] });
  });

  it("flips what on-call did by night without a ticket, when that needs one, and nothing else", async () => {
    const found = await judgedAgain({ bundle: built(nightNeedsTicket), data: lenientData() });
    const expected = indexes(flipsAtNight);
    expect(expected.length).toBeGreaterThan(5);
    expect(flipped(found)).toEqual(expected);
    expect(found.flips).toEqual({ "deny-to-allow": 0, "allow-to-deny": expected.length });
    for (const { before, after, status } of found.groups) {
      expect([before.map(({ code }) => code), status]).toEqual([["oncall-switch-off"], "Inactive"]);
      expect(after.map(({ code }) => code)).toEqual(["not-permitted"]);
    }
  });

  it("flips what had a short project in its ticket, when tickets get another pattern", async () => {
    const from = "count(project) >= 2";
    const bundle = built([{ file: "request/request.rego", from, to: "count(project) >= 4" }]);
    const found = await judgedAgain({ bundle, data: lenientData() });
    const expected = indexes((each) => {
      if (!isUpdate(each) || !hasTicket(each)) return false;
      const { who, change } = each;
      if (who.id === "ticketing") return !isOutOfReach(each);
      if (change.status === "Inactive") return false;
      return who.id === "admin" ? !isOutOfReach(each, "admin") : isOncall(each) && !isOutOfReach(each);
    });
    expect(expected.length).toBeGreaterThan(20);
    expect(flipped(found)).toEqual(expected);
    expect(new Set(found.groups.flatMap(({ after }) => after.map(({ code }) => code)))).toEqual(
      new Set(["ticket-malformed"]),
    );
  });

  it("flips what a group's role allowed, when the data loses it, and nobody else's", async () => {
    const data = siteWith(({ roles }) => {
      roles.groups = {};
    });
    const found = await judgedAgain({ bundle: shippedBundle(), data });
    const expected = indexes((each) => {
      const allowed = each.change.status === "Inactive" || hasTicket(each);
      return isUpdate(each) && each.who.id === "ann" && !isOutOfReach(each) && allowed;
    });
    expect(flipped(found)).toEqual(expected);
    expect(new Set(found.groups.flatMap(({ principals }) => principals.map(({ principal }) => principal)))).toEqual(
      new Set(["sandbox ann"]),
    );
    // She may not look any more either, but looks that were allowed are not on record; nor is what she was denied before.
    expect(found.otherReasons).toBeGreaterThan(0);
  });

  const viewerIsAdmin = siteWith(({ roles }) => {
    roles.principals = { ...roles.principals, "sandbox viewer": ["admin"] };
  });
  const viewerGains = (each: Asked) => {
    if (each.who.id !== "viewer") return false;
    if (each.kind === "audit-read") return true;
    if (lacksFacts(each)) return false;
    return isUpdate(each) && !isOutOfReach(each, "admin") && (each.change.status === "Inactive" || hasTicket(each));
  };

  it("flips what somebody was denied who gets a role, reads of the log too", async () => {
    const found = await judgedAgain({ bundle: shippedBundle(), data: viewerIsAdmin });
    const unknown = indexes((each) => each.who.id === "viewer" && !isOutOfReach(each, "admin") && lacksFacts(each));
    expect(unknown.length).toBeGreaterThan(3);
    expect(found.factsUnknown).toEqual({ "deny-to-allow": unknown.length, "allow-to-deny": 0 });
    const expected = indexes(viewerGains);
    expect(flipped(found)).toEqual(expected);
    expect(found.flips).toEqual({ "deny-to-allow": expected.length, "allow-to-deny": 0 });
    expect(found.groups.map(({ action }) => action)).toContain("lockkeeper:ReadAudit");
  });

  it("keeps the gateway's own user closed as the gateway does, and says how often that counts", async () => {
    const options = { bundle: shippedBundle(), data: viewerIsAdmin };
    const ofOwn = ({ change }: Asked) => change.credential.userName === "gateway-two";
    const opened = indexes((each) => {
      const mayOff = ["oncall", "ann", "viewer", "admin"].includes(each.who.id);
      const mayOn = mayOff && hasTicket(each);
      const bySelf = each.who.id === "chatops" && each.change.onBehalfOf === "alice";
      const byTicket = each.who.id === "ticketing" && hasTicket(each);
      const may = each.change.status === "Inactive" ? mayOff || bySelf || byTicket : mayOn || byTicket;
      return isUpdate(each) && ofOwn(each) && each.change.onBehalfOf !== "mallory" && may;
    });
    const unknown = indexes(lacksFacts);
    expect(opened.length).toBeGreaterThan(20);
    expect((await judgedAgain(options)).guarded).toBe(opened.length);

    const named = { ...options, ownUserNames: ["GATEWAY-TWO"], ownUserAsRecorded: false };
    const exact = await judgedAgain(named);
    expect([exact.guarded, flipped(exact)]).toEqual([opened.length, indexes(viewerGains)]);

    const another = await judgedAgain({ ...named, ownUserNames: ["gateway-three"] });
    expect([another.guarded, flipped(another)]).toEqual([
      0,
      [...indexes(viewerGains), ...opened.filter((index) => !unknown.includes(index))].sort((a, b) => a - b),
    ]);
  });

  it("counts as a denial what the candidate fails on, and judges all others as if nothing had been", async () => {
    const broken = 'broken := 1 if input.principal.id == "bob"\n\nbroken := 2 if input.principal.id == "bob"\n';
    const deny = 'deny contains {"code": "broken", "message": "Broken."} if broken > 2\n';
    const found = await judgedAgain({
      bundle: built([{ file: "decision.rego", more: `${broken}\n${deny}` }]),
      data: lenientData(),
    });
    const bobs = indexes(({ who }) => who.id === "bob");
    const own = indexes((each) => {
      const { who, change } = each;
      const switchesOff = change.status === "Inactive" && change.onBehalfOf !== "mallory";
      return who.id === "bob" && isUpdate(each) && change.credential.userName === "Bob" && switchesOff;
    });
    expect(bobs.length).toBeGreaterThan(100);
    expect(own.length).toBeGreaterThan(3);
    expect(flipped(found)).toEqual(own);
    for (const { after } of found.groups) expect(after.map(({ code }) => code)).toEqual(["policy-error"]);
    expect(found.faults).toMatchObject([{ code: "policy-error", count: bobs.length, index: bobs[0] }]);
    expect(found.otherReasons).toBe(bobs.length - own.length);
  });

  it("tells of decisions that take too long each time, and not of one that did once", async () => {
    /** Every reading of this clock is so much later than the one before, once the bundle has been tried out. */
    const clock = (readings: number, step: (reading: number) => number) => {
      let [reading, now] = [0, 0];
      return () => {
        reading += 1;
        if (reading > readings) now += step(reading - readings);
        return now;
      };
    };
    let tryOut = 0;
    await judgedAgain({ ...shipped(), filter: { principal: "nobody" }, now: () => tryOut++ });
    const always = await judgedAgain({ ...shipped(), now: clock(tryOut, () => 51) });
    expect(always.faults).toMatchObject([{ code: "policy-slow", count: always.judged }]);
    expect(always.groups).toEqual([]);
    const once = await judgedAgain({ ...shipped(), now: clock(tryOut, (reading) => (reading === 6 ? 51 : 0)) });
    expect([once.faults, once.judged]).toEqual([[], always.judged]);
  });

  it("judges alike whatever the order of a decision's reasons was", async () => {
    const two = await tampered(
      (by) => {
        const index = recordsIn(folder.database).findIndex(
          ({ body }) => JSON.parse(body ?? "{}").unmapped?.decision?.reasons.length > 1,
        );
        const record = JSON.parse(by.body(index));
        record.unmapped.decision.reasons.reverse();
        by.run("UPDATE records SET body = ? WHERE idx = ?", JSON.stringify(record), index);
      },
      (file) => judgedAgain(shipped(), file),
    );
    expect(two.otherReasons).toBe(0);
  });
});

describe("what is told of flips", () => {
  it("has groups of what is alike, what would be opened first, then the largest", async () => {
    const data = siteWith(({ roles }) => {
      roles.principals = { ...roles.principals, "sandbox viewer": ["oncall"], "sandbox oncall": ["viewer"] };
    });
    const { groups, flips, first, last } = await judgedAgain({ bundle: shippedBundle(), data });
    const order = groups.map(({ direction, count }) => [direction === "deny-to-allow" ? 0 : 1, -count] as const);
    expect(order).toEqual(order.toSorted(([a, b], [c, d]) => a - c || b - d));
    expect(groups.map(({ count }) => count).reduce((sum, count) => sum + count)).toBe(
      flips["deny-to-allow"] + flips["allow-to-deny"],
    );
    const alike = groups.map(({ direction, action, status, credentialType, before, after }) =>
      JSON.stringify([direction, action, status, credentialType, before, after]),
    );
    expect(new Set(alike).size).toBe(groups.length);
    for (const group of groups) {
      const about = group.records.map((index) => onRecord().get(index));
      const times = about.map((each) => each?.context.receivedAt ?? Number.NaN);
      expect([group.count, group.first, group.last]).toEqual([about.length, Math.min(...times), Math.max(...times)]);
      expect(group.example.index).toBe(Math.min(...group.records));
      expect(group.first).toBeGreaterThanOrEqual(first ?? Number.NaN);
      expect(group.last).toBeLessThanOrEqual(last ?? Number.NaN);
    }
    expect((await judgedAgain({ bundle: shippedBundle(), data })).groups).toEqual(groups);
  });

  it("names an example that can be looked up", async () => {
    const data = siteWith(({ roles }) => {
      roles.groups = {};
    });
    const [group] = (await judgedAgain({ bundle: shippedBundle(), data })).groups;
    const { index = 0, ...example } = group?.example ?? {};
    const record = JSON.parse(recordsIn(folder.database)[index]?.body ?? "{}");
    expect(example).toEqual({
      event: record.metadata.event_code,
      correlation: record.metadata.correlation_uid,
      time: record.time,
      decision: record.unmapped.decision.id,
      principal: "sandbox ann",
      userName: record.unmapped.input.credential.userName,
      credentialId: record.unmapped.input.credential.id,
    });
  });
});

describe("which decisions are judged again", () => {
  const nobody = siteWith((site) => {
    site.roles = { groups: {}, principals: {} };
  });
  const count = (picks: (asked: Asked) => boolean) => [...onRecord().values()].filter(picks).length;
  const noon = Date.parse("2026-11-21T12:00:00Z");

  it.each([
    ["from a time on", { since: noon }, ({ context }: Asked) => context.receivedAt >= noon],
    ["before a time", { until: noon }, ({ context }: Asked) => context.receivedAt < noon],
    [
      "about a user, without case",
      { userName: "BOB" },
      ({ kind, change }: Asked) => kind !== "audit-read" && change.credential.userName === "Bob",
    ],
    ["of a principal", { principal: "ann" }, ({ who }: Asked) => who.id === "ann"],
    ["of a principal of an issuer", { principal: "sandbox ann" }, ({ who }: Asked) => who.id === "ann"],
    ["of nobody", { principal: "elsewhere ann" }, () => false],
    [
      "for all of that",
      { since: noon, userName: "Bob", principal: "oncall" },
      (each: Asked) => {
        const { kind, who, change, context } = each;
        const bobs = kind !== "audit-read" && change.credential.userName === "Bob";
        return bobs && who.id === "oncall" && context.receivedAt >= noon;
      },
    ],
  ])("are those %s", async (_, filter, picks) => {
    const found = await judgedAgain({ bundle: shippedBundle(), data: nobody, filter });
    expect(found.judged).toBe(count(picks));
    const all = new Set(indexes(picks));
    expect(flipped(found).filter((index) => !all.has(index))).toEqual([]);
  });

  it("are those that still have a body; the others are counted, and so is what cannot be read", async () => {
    const decided = [...onRecord().keys()];
    const [a = 0, b = 0, c = 0, d = 0, e = 0] = decided;
    const edit = (by: Attacker, index: number, change: (unmapped: Record<string, unknown>) => void) => {
      const record = JSON.parse(by.body(index));
      change(record.unmapped);
      by.run("UPDATE records SET body = ? WHERE idx = ?", JSON.stringify(record), index);
    };
    const found = await tampered(
      (by) => {
        by.run("UPDATE records SET body = NULL WHERE idx = ?", a);
        by.run('UPDATE records SET body = \'{"no":"record"}\' WHERE idx = ?', b);
        edit(by, c, (unmapped) => {
          unmapped["decision"] = { ...(unmapped["decision"] as object), allow: "true" };
        });
        edit(by, d, (unmapped) => {
          delete unmapped["input"];
        });
        edit(by, e, (unmapped) => {
          unmapped["input"] = { ...(unmapped["input"] as object), principal: "root" };
        });
      },
      (file) => judgedAgain(shipped(), file),
    );
    expect(found).toMatchObject({ judged: decided.length - 5, pruned: 1, unreadable: 4, firstUnreadable: b });
    expect(found.groups).toEqual([]);
  });

  it("are not those that were pruned at another time, where a database knows when that was", async () => {
    const counts = await tampered(
      (by) => by.run("UPDATE records SET body = NULL WHERE idx < 100"),
      (file) =>
        Promise.all([
          judgedAgain({ ...shipped(), filter: { until: Date.parse("2026-11-21T00:10:00Z") } }, file),
          judgedAgain(shipped(), file),
        ]),
    );
    const [some, all] = counts.map(({ pruned }) => pruned);
    expect(all).toBe(100);
    expect(some).toBeGreaterThan(0);
    expect(some).toBeLessThan(50);
  });

  it("are found however a record is written", async () => {
    const reordered = await tampered(
      (by) => {
        for (const index of onRecord().keys()) {
          const { unmapped, ...rest } = JSON.parse(by.body(index));
          // The name within a string, and within another member, is not the record's own.
          const record = { unmapped, ...rest, comment: ',"unmapped":{}', more: { a: 1, unmapped: {} } };
          by.run("UPDATE records SET body = ? WHERE idx = ?", JSON.stringify(record), index);
        }
      },
      (file) => judgedAgain({ bundle: built(nightNeedsTicket), data: lenientData() }, file),
    );
    expect([reordered.judged, reordered.unreadable]).toEqual([onRecord().size, 0]);
    expect(flipped(reordered)).toEqual(indexes(flipsAtNight));
  });

  it("are those of a log of 0.1 too, once it was taken over", async () => {
    const old = dataFolder();
    makeLog01(old.database, "123456789012", 3);
    expect((await refusal(() => openSqliteReader(old.database))).message).toContain("A log of Lockkeeper 0.1");
    await (await openOn(old.database)).close();
    const found = await judgedAgain(shipped(), old.database);
    const flips = { "deny-to-allow": 3, "allow-to-deny": 0 };
    expect(found).toMatchObject({ judged: 5, unreadable: 0, flips });
    // It looked nothing up.
    const strict = await judgedAgain({ bundle: shippedBundle(), data: sandboxData() }, old.database);
    expect(strict).toMatchObject({ judged: 0, factsUnknown: { "deny-to-allow": 3, "allow-to-deny": 2 } });
    old.remove();
  });

  it("are told about while they are judged", async () => {
    const told: number[][] = [];
    await judgedAgain({ ...shipped(), onProgress: (done, of) => told.push([done, of]) });
    const size = recordsIn(folder.database).length;
    expect(told.length).toBeGreaterThan(1);
    expect(told.at(-1)).toEqual([size, size]);
  });
});
