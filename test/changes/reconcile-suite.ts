import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Journal } from "../../src/audit/journal.ts";
import type { Change } from "../../src/changes/change.ts";
import type { Credential, ObservedStatus } from "../../src/changes/credential.ts";
import { type ReconcileOptions, Reconciler } from "../../src/changes/reconcile.ts";
import { LockkeeperError } from "../../src/errors.ts";
import { aChange, anIntent } from "../fixture/changes.ts";
import { TestClock } from "../fixture/clock.ts";

export interface SharedLog {
  /** Two instances of the service on one log. */
  readonly journals: readonly [Journal, Journal];
  /** Event codes of the records of a change, in order. */
  codes(changeId: string): Promise<readonly string[]>;
  destroy(): Promise<void>;
}

const START = Date.parse("2026-11-21T09:30:00Z");
const [INTERVAL, IAM_DEADLINE, GRACE, READ_DEADLINE] = [10_000, 5_000, 30_000, 2_000];
/** Of the lease, by those. */
const LEASE = 3 * INTERVAL + 2 * READ_DEADLINE;

/** What several instances that share a log must do about changes whose end is not known. */
export function reconcileSuite(name: string, open: () => Promise<SharedLog>): void {
  describe(`two reconcilers on one log on ${name}`, () => {
    let log: SharedLog;
    beforeEach(async () => {
      log = await open();
    });
    afterEach(() => log.destroy());

    /** One instance, with a clock, a view of IAM and an account of what it did. */
    function instance(at: 0 | 1, parts: Partial<ReconcileOptions> = {}, ahead = 0) {
      const clock = new TestClock(START + ahead);
      const did: string[] = [];
      let status: (credential: Credential) => Promise<ObservedStatus | null> = async () => "Active";
      const reconciler = new Reconciler({
        iam: {
          statusOf: (credential) => {
            did.push(`looked at ${credential.id}`);
            return status(credential);
          },
        },
        journal: log.journals[at],
        clock,
        instance: `instance-${at}`,
        intervalMs: INTERVAL,
        iamDeadlineMs: IAM_DEADLINE,
        graceMs: GRACE,
        giveUpMs: 900_000,
        readDeadlineMs: READ_DEADLINE,
        onSettled: (id, { result }) => did.push(`settled ${id} ${result}`),
        onFault: (error) => did.push(`fault ${error instanceof Error ? error.message : error}`),
        onPass: (held) => did.push(held ? "passed" : "not its turn"),
        ...parts,
      });
      const sees = (look: typeof status) => {
        status = look;
      };
      /** What it did since it was asked last. */
      const account = () => did.splice(0);
      return { clock, reconciler, sees, account };
    }

    /** A change whose sender died after the intent, at the start of all clocks. */
    async function orphan(id: string): Promise<Change> {
      const change = aChange({
        credential: { type: "signing-certificate", id, userName: "Bob", account: "123456789012" },
      });
      expect(await log.journals[0].begin(anIntent(change, START))).toMatchObject({ kind: "started" });
      return change;
    }
    const OVERDUE = 5_000 + IAM_DEADLINE + GRACE + 1;
    const [first, second] = ["TA7SMP42TDN5Z26OBPJE7EXAMPLE", "TA7SMP42TDN5Z26OBPJE8EXAMPLE"];

    it("only the one that has the lease makes passes, and settles by two looks of its own", async () => {
      const change = await orphan(first);
      const [one, other] = [instance(0), instance(1)];
      for (const { clock } of [one, other]) clock.advance(OVERDUE);
      await one.reconciler.pass();
      await other.reconciler.pass();
      expect([one.account(), other.account()]).toEqual([[`looked at ${first}`, "passed"], ["not its turn"]]);
      for (const { clock } of [one, other]) clock.advance(INTERVAL);
      await other.reconciler.pass();
      await one.reconciler.pass();
      expect([one.account(), other.account()]).toEqual([
        [`looked at ${first}`, `settled ${change.id} not-as-wanted`, "passed"],
        ["not its turn"],
      ]);
      expect(await log.codes(change.id)).toEqual(["credential.status.intent", "credential.status.reconciled"]);
    });

    it("neither looks before the change's deadline, IAM's and the grace are over", async () => {
      await orphan(first);
      const one = instance(0);
      one.clock.advance(OVERDUE - 1);
      await one.reconciler.pass();
      expect(one.account()).toEqual(["passed"]);
      one.clock.advance(1);
      await one.reconciler.pass();
      expect(one.account()).toEqual([`looked at ${first}`, "passed"]);
    });

    it("when the one that has the lease dies, the other takes over once it has run out, and looks twice itself", async () => {
      const change = await orphan(first);
      const [one, other] = [instance(0), instance(1)];
      for (const { clock } of [one, other]) clock.advance(OVERDUE);
      await one.reconciler.pass();
      other.clock.advance(LEASE - 1);
      await other.reconciler.pass();
      expect(other.account()).toEqual(["not its turn"]);
      other.clock.advance(1);
      await other.reconciler.pass();
      expect(other.account()).toEqual([`looked at ${first}`, "passed"]);
      await other.reconciler.pass();
      expect(other.account()).toEqual([`looked at ${first}`, `settled ${change.id} not-as-wanted`, "passed"]);
    });

    it("the one that stops gives the lease up, so that the other goes on at once", async () => {
      await orphan(first);
      const [one, other] = [instance(0), instance(1)];
      for (const { clock } of [one, other]) clock.advance(OVERDUE);
      await one.reconciler.pass();
      await one.reconciler.stop();
      await other.reconciler.pass();
      expect(other.account()).toEqual([`looked at ${first}`, "passed"]);
    });

    it("a pass that loses its lease half-way stops there", async () => {
      const changes = [await orphan(first), await orphan(second)];
      const [one, other] = [instance(0), instance(1)];
      for (const { clock } of [one, other]) clock.advance(OVERDUE);
      await one.reconciler.pass();
      one.account();
      // The process stands still in its second look, which would settle the first change.
      one.sees(async () => {
        for (const { clock } of [one, other]) clock.advance(LEASE);
        await other.reconciler.pass();
        await other.reconciler.pass();
        return "Active";
      });
      await one.reconciler.pass();
      expect(one.account()).toEqual([`looked at ${first}`, "not its turn"]);
      expect(other.account().filter((did) => did.startsWith("settled"))).toEqual(
        changes.map(({ id }) => `settled ${id} not-as-wanted`),
      );
      for (const { id } of changes) expect(await log.codes(id)).toHaveLength(2);
    });

    it("what was seen before the lease was another's counts no more", async () => {
      const change = await orphan(first);
      const [one, other] = [instance(0), instance(1)];
      for (const { clock } of [one, other]) clock.advance(OVERDUE);
      await one.reconciler.pass();
      for (const { clock } of [one, other]) clock.advance(LEASE);
      await other.reconciler.pass();
      await one.reconciler.pass();
      await other.reconciler.stop();
      expect(one.account()).toEqual([`looked at ${first}`, "passed", "not its turn"]);
      await one.reconciler.pass();
      expect(one.account()).toEqual([`looked at ${first}`, "passed"]);
      await one.reconciler.pass();
      expect(one.account()).toEqual([`looked at ${first}`, `settled ${change.id} not-as-wanted`, "passed"]);
    });

    it("two that both take themselves for the one leave one record of a change, and one account of it", async () => {
      const change = await orphan(first);
      const believing = (at: 0 | 1) => ({ journal: { ...log.journals[at], lease: async () => true } });
      const both = [instance(0, believing(0)), instance(1, believing(1))];
      for (const { clock } of both) clock.advance(OVERDUE);
      await Promise.all(both.map(({ reconciler }) => reconciler.pass()));
      for (const { account } of both) account();
      await Promise.all(both.map(({ reconciler }) => reconciler.pass()));
      const settled = both.flatMap(({ account }) => account()).filter((did) => did.startsWith("settled"));
      expect(settled).toEqual([`settled ${change.id} not-as-wanted`]);
      expect(await log.codes(change.id)).toEqual(["credential.status.intent", "credential.status.reconciled"]);
    });

    it("a clock that is ahead by the grace settles nothing that may still be sent", async () => {
      await orphan(first);
      const ahead = instance(1, {}, GRACE);
      // By the sender's clock: its deadline, and the time that an answer of IAM may take.
      ahead.clock.advance(5_000 + IAM_DEADLINE);
      await ahead.reconciler.pass();
      expect(ahead.account()).toEqual(["passed"]);
      ahead.clock.advance(1);
      await ahead.reconciler.pass();
      expect(ahead.account()).toEqual([`looked at ${first}`, "passed"]);
    });

    it.each([10 * 60_000, -10 * 60_000])(
      "clocks that differ by %d ms do not have the lease go to and fro",
      async (by) => {
        const both = [instance(0), instance(1, {}, by)];
        for (let round = 0; round < 6; round += 1) {
          for (const { clock, reconciler } of both) {
            await reconciler.pass();
            clock.advance(INTERVAL);
          }
        }
        // At most one change of hands: from the one that came first to the one that is ahead.
        const turns = both.map(({ account }) => account().filter((did) => did === "passed").length);
        expect(turns.toSorted((a, b) => a - b)).toSatisfy(([few = 6, many = 0]) => few <= 1 && many >= 5);
      },
    );

    it("without a lease that can be had, IAM is not asked, and the fault is told", async () => {
      await orphan(first);
      const refuse = () => Promise.reject(new LockkeeperError("audit-unavailable", "The disk is full."));
      const one = instance(0, { journal: { ...log.journals[0], lease: refuse } });
      one.clock.advance(OVERDUE);
      await expect(one.reconciler.pass()).rejects.toMatchObject({ code: "audit-unavailable" });
      expect(one.account()).toEqual([]);
    });
  });
}
