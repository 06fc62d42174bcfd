import { beforeEach, describe, expect, it } from "vitest";
import type { ChangeFilter, Journal } from "../../src/audit/journal.ts";
import type { Change } from "../../src/changes/change.ts";
import type { Outcome } from "../../src/changes/outcome.ts";
import { statusChangeOf } from "../../src/changes/status-change.ts";
import { aDenial, anIntent, oncall } from "../fixture/changes.ts";
import { applied, ended, failed, keyChange, now, readBack, unknown } from "./journal-samples.ts";
import type { JournalFixture } from "./journal-suite.ts";

interface Asked {
  readonly change: Change;
  readonly principal: string;
  /** As it stands at `later`. */
  readonly outcome: string;
}

/** When everything that was begun at `now` is overdue. */
const later = now + 60_000;

/** Search among changes. */
export function searchSuite(given: () => JournalFixture): void {
  let journal: Journal;
  beforeEach(() => {
    journal = given().journal;
  });

  /** Changes of three users by three principals with every end, one after another. */
  async function ask(count: number, start = 0): Promise<Asked[]> {
    const asked: Asked[] = [];
    for (let n = start; n < start + count; n += 1) {
      const principal = { ...oncall, id: ["ann", "bob", "ci"][n % 3] ?? "" };
      const change = keyChange(`AKIAIOSFODNN7EX${String(n % 7).padStart(5, "0")}`, ["Bob", "eve", "BOB"][n % 3], {
        id: `change-${String(n).padStart(4, "0")}`,
        principal,
        context: { receivedAt: now + n, sourceIp: "127.0.0.1", channel: "rest", requestId: "r" },
      });
      asked.push({ change, principal: `sandbox ${principal.id}`, outcome: await endOf(change, n) });
    }
    return asked;
  }

  async function endOf(change: Change, n: number): Promise<string> {
    if (n % 5 === 0) {
      await journal.deny(aDenial(change));
      return "denied";
    }
    // What is left open holds its credential, so that one is not asked for again.
    const open = n % 11 === 3 || n % 11 === 8;
    const begun = await journal.begin(
      anIntent(open ? { ...change, credential: ofItsOwn(change, n) } : change, now + n),
    );
    expect(begun.kind).toBe("started");
    if (open) {
      if (n % 11 === 8) await journal.finish(change.id, readBack(change));
      return "unknown";
    }
    const outcome: Outcome = [applied, failed, unknown][n % 4] ?? applied;
    await journal.finish(change.id, { ...ended(change, outcome), release: true });
    return outcome.name;
  }

  const search = (filter: Partial<ChangeFilter>) => journal.changes({ limit: 1000, now: later, ...filter });
  const idsOf = (page: { readonly changes: readonly (readonly { readonly body: string }[])[] }) =>
    page.changes.map((records) => JSON.parse(records[0]?.body ?? "").metadata.correlation_uid as string);
  const newestFirst = (asked: readonly Asked[]) => asked.map(({ change }) => change.id).reverse();

  describe("a search for changes", () => {
    it("finds them by each filter and by several, newest first", async () => {
      const asked = await ask(60);
      const filters: [Partial<ChangeFilter>, (one: Asked, n: number) => boolean][] = [
        [{}, () => true],
        [{ userName: "bOb" }, ({ change }) => change.credential.userName.toLowerCase() === "bob"],
        [{ credentialId: "AKIAIOSFODNN7EX00002" }, (_, n) => n % 7 === 2 && !isOpen(n)],
        [{ type: "access-key" }, () => true],
        [{ type: "ssh-public-key" }, () => false],
        [{ principal: "sandbox ci" }, ({ principal }) => principal === "sandbox ci"],
        [{ outcome: "denied" }, ({ outcome }) => outcome === "denied"],
        [{ outcome: "applied" }, ({ outcome }) => outcome === "applied"],
        [{ outcome: "failed" }, ({ outcome }) => outcome === "failed"],
        [{ outcome: "unknown" }, ({ outcome }) => outcome === "unknown"],
        [{ outcome: "pending" }, () => false],
        [{ since: now + 20 }, (_, n) => n >= 20],
        [{ until: now + 20 }, (_, n) => n < 20],
        [{ since: now + 10, until: now + 12 }, (_, n) => n === 10 || n === 11],
        [{ since: now + 1000 }, () => false],
        [
          { userName: "eve", principal: "sandbox bob", outcome: "denied", since: now + 5 },
          ({ change, outcome }, n) => change.credential.userName === "eve" && outcome === "denied" && n >= 5,
        ],
        [{ userName: "eve", principal: "sandbox ann" }, () => false],
        [
          { credentialId: "AKIAIOSFODNN7EX00002", outcome: "applied" },
          ({ outcome }, n) => n % 7 === 2 && !isOpen(n) && outcome === "applied",
        ],
      ];
      for (const [filter, holds] of filters) {
        const page = await search(filter);
        expect(idsOf(page), JSON.stringify(filter)).toEqual(newestFirst(asked.filter(holds)));
        expect(page.next).toBeUndefined();
      }
    });

    it("comes with all records of each, from which it can be told", async () => {
      const asked = await ask(12);
      const { changes } = await search({});
      for (const [n, records] of changes.entries()) {
        const one = asked.at(-1 - n);
        const state = statusChangeOf(records, later);
        expect(state?.change.id).toBe(one?.change.id);
        expect(state?.outcome?.name ?? "denied").toBe(one?.outcome);
        expect(await journal.recordsOf(one?.change.id ?? "")).toEqual(records);
      }
    });

    it("goes through all pages, each change once, while new ones arrive", async () => {
      const asked = await ask(23);
      for (const filter of [{}, { userName: "bob" }, { outcome: "denied" }] as const) {
        const expected = idsOf(await search(filter));
        const seen: string[] = [];
        let before: number | undefined;
        for (;;) {
          const page = await search({ ...filter, limit: 4, ...(before !== undefined && { before }) });
          expect(page.changes.length).toBeLessThanOrEqual(4);
          seen.push(...idsOf(page));
          before = page.next;
          if (before === undefined) break;
          asked.push(...(await ask(2, asked.length)));
        }
        expect(seen).toEqual(expected);
      }
    });

    it("has no next page when the last one is full", async () => {
      const asked = await ask(6);
      const first = await search({ limit: 3 });
      expect(idsOf(first)).toEqual(newestFirst(asked.slice(3)));
      const second = await search({ limit: 3, before: first.next ?? 0 });
      expect(idsOf(second)).toEqual(newestFirst(asked.slice(0, 3)));
      expect(second.next).toBeUndefined();
    });

    it("sees what is under way as pending until its deadline, and then as unknown", async () => {
      const change = keyChange("AKIAIOSFODNN7EXAMPLE");
      await journal.begin(anIntent(change, now));
      const found = async (outcome: "pending" | "unknown", at: number) => idsOf(await search({ outcome, now: at }));
      expect(await found("pending", now + 5000)).toEqual([change.id]);
      expect(await found("unknown", now + 5000)).toEqual([]);
      expect(await found("pending", now + 5001)).toEqual([]);
      expect(await found("unknown", now + 5001)).toEqual([change.id]);
    });

    it("finds nothing in an empty log", async () => {
      expect(await search({})).toEqual({ changes: [] });
      expect(await search({ userName: "bob", since: now })).toEqual({ changes: [] });
    });

    it("is not confused by a clock that jumps", async () => {
      const at = (receivedAt: number) =>
        keyChange("AKIAIOSFODNN7EXAMPLE", "Bob", {
          context: { receivedAt, sourceIp: "127.0.0.1", channel: "rest", requestId: "r" },
        });
      const [early, late, middle] = [at(now), at(now + 86_400_000), at(now + 1000)];
      for (const change of [middle, late, early]) await journal.deny(aDenial(change));
      expect(idsOf(await search({}))).toEqual([early.id, late.id, middle.id]);
      expect(idsOf(await search({ until: now + 2000 }))).toEqual([early.id, middle.id]);
      expect(idsOf(await search({ since: now + 1 }))).toEqual([late.id, middle.id]);
    });

    it("leaves out those whose opening was pruned", async () => {
      const [first, second] = [keyChange("AKIAIOSFODNN7EXAMPLE"), keyChange("AKIAIOSFODNN7EXAMPLE")];
      for (const change of [first, second]) await journal.deny(aDenial(change));
      await given().tamper.body(0, null);
      expect(idsOf(await search({}))).toEqual([second.id]);
      expect(await journal.recordsOf(first.id)).toEqual([]);
    });
  });

  it("counts the changes whose deadline is over and whose end is not known", async () => {
    const changes = [0, 1, 2].map((n) => keyChange(`AKIAIOSFODNN7EXAMPL${n}`));
    for (const [n, change] of changes.entries()) await journal.begin(anIntent(change, now + n));
    expect(await journal.unsettled(now + 5000)).toBe(0);
    expect(await journal.unsettled(now + 5001)).toBe(1);
    expect(await journal.unsettled(later)).toBe(3);
    const [first, second] = changes;
    if (first) await journal.finish(first.id, ended(first, applied));
    if (second) await journal.finish(second.id, ended(second, unknown));
    expect(await journal.unsettled(later)).toBe(2);
  });
}

function isOpen(n: number): boolean {
  return n % 5 !== 0 && (n % 11 === 3 || n % 11 === 8);
}

function ofItsOwn(change: Change, n: number): Change["credential"] {
  return { ...change.credential, id: `AKIAOPEN${String(n).padStart(12, "0")}` };
}
