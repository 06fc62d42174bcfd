import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Journal } from "../../src/audit/journal.ts";
import { openSqliteStore } from "../../src/audit/sqlite/store.ts";
import { openJournal } from "../../src/audit/store-journal.ts";
import { type UserLock, UserLocks } from "../../src/changes/user-locks.ts";
import { systemClock } from "../../src/clock.ts";
import { aChange, aDenial } from "../fixture/changes.ts";
import { TestClock } from "../fixture/clock.ts";
import { dataFolder } from "../fixture/data-folder.ts";
import { testLogKeys } from "../fixture/log-keys.ts";

const folder = dataFolder();
let journal: Journal;
beforeEach(async () => {
  const store = await openSqliteStore(folder.database, { exclusive: true, owner: "sandbox", keys: testLogKeys });
  journal = openJournal(store, { deadlineMs: 5000, maxQueue: 100 });
});
afterEach(async () => {
  await journal.close();
  folder.remove();
});

const ofUser = (userName: string, account = "123456789012") =>
  aChange({ credential: { type: "access-key", id: "AKIAIOSFODNN7EXAMPLE", userName, account } });

describe("locks of users", () => {
  it("let one change of a user in after the other, in the order in which they came", async () => {
    const locks = new UserLocks({ journal, clock: systemClock, waitMs: 20_000, holdMs: 20_000 });
    const order: number[] = [];
    let inside = 0;
    await Promise.all(
      Array.from({ length: 8 }, async (_, n) => {
        const lock = await locks.take(ofUser(n % 2 === 0 ? "Bob" : "bOB"));
        inside += 1;
        expect(inside).toBe(1);
        await journal.deny(aDenial(aChange()));
        order.push(n);
        inside -= 1;
        lock.release();
      }),
    );
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it("are one for each user and account", async () => {
    const locks = new UserLocks({ journal, clock: systemClock, waitMs: 0, holdMs: 20_000 });
    const all = [ofUser("Bob"), ofUser("sofia"), ofUser("Bob", "210987654321")].map((change) => locks.take(change));
    expect(await Promise.all(all)).toHaveLength(3);
  });

  it("are shared by gateways that share the log, and go on when one is released", async () => {
    const clock = new TestClock();
    const [one, other] = [1, 2].map(() => new UserLocks({ journal, clock, waitMs: 1_000, holdMs: 20_000 }));
    const lock = await one?.take(ofUser("Bob"));
    await expect(other?.take(ofUser("Bob"))).rejects.toMatchObject({
      code: "change-in-flight",
      details: { retryAfter: 1 },
    });
    await released(lock);
    expect(await other?.take(ofUser("Bob"))).toBeDefined();
  });

  it("of a gateway that died end by themselves, and not before its change could not be sent any more", async () => {
    const clock = new TestClock();
    const waiting = { journal, clock, waitMs: 0, holdMs: 20_000 };
    const lock = await new UserLocks(waiting).take(ofUser("Bob"));
    expect(lock.until).toBe(clock.now() + 20_000);
    clock.advance(20_000);
    await expect(new UserLocks(waiting).take(ofUser("Bob")), "clocks differ").rejects.toThrow("in flight");
    clock.advance(5_000);
    expect(await new UserLocks(waiting).take(ofUser("Bob"))).toBeDefined();
  });

  it("give up after a while, which lets nobody else in before their turn", async () => {
    const locks = new UserLocks({ journal, clock: systemClock, waitMs: 50, holdMs: 20_000 });
    const first = await locks.take(ofUser("Bob"));
    await expect(locks.take(ofUser("Bob"))).rejects.toMatchObject({ code: "change-in-flight" });
    await expect(locks.take(ofUser("Bob"))).rejects.toMatchObject({ code: "change-in-flight" });
    await released(first);
    (await locks.take(ofUser("Bob"))).release();
  });

  it("that the log does not give are not held, and stand in nobody's way", async () => {
    const full = () => Promise.reject(new Error("disk full"));
    const broken = { lease: full, endLease: full };
    const locks = new UserLocks({ journal: broken, clock: systemClock, waitMs: 1_000, holdMs: 20_000 });
    await expect(locks.take(ofUser("Bob"))).rejects.toThrow("disk full");
    await expect(locks.take(ofUser("Bob"))).rejects.toThrow("disk full");
  });

  it("leave nothing behind in the log's tables", async () => {
    const locks = new UserLocks({ journal, clock: systemClock, waitMs: 1_000, holdMs: 20_000 });
    for (const userName of ["Bob", "sofia", "Bob"]) await released(await locks.take(ofUser(userName)));
    await journal.close();
    const db = new DatabaseSync(folder.database, { readOnly: true });
    expect(db.prepare("SELECT * FROM leases").all()).toEqual([]);
    db.close();
  });
});

/** What comes after it in the log's queue waits until it is given up. */
async function released(lock: UserLock | undefined): Promise<void> {
  lock?.release();
  await journal.deny(aDenial(aChange()));
}
