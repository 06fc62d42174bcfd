import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Journal } from "../../src/audit/journal.ts";
import type { Operation } from "../../src/audit/operation.ts";
import { commit } from "../../src/audit/sqlite/commit.ts";
import { Connection } from "../../src/audit/sqlite/connection.ts";
import { aDenial } from "../fixture/changes.ts";
import { dataFolder } from "../fixture/data-folder.ts";
import { openToChange } from "../fixture/database.ts";
import { testLogKeys } from "../fixture/log-keys.ts";
import { keyChange, now } from "./journal-samples.ts";
import { openOn, owner } from "./sqlite-fixture.ts";

/** Three stretches of the log, the last one begun, and more than one page looks at. */
const RECORDS = 9_000;

describe("a search in a SQLite log of several stretches", () => {
  const folder = dataFolder();
  let journal: Journal;
  /** Each a second later than the one before; every thousandth of Eve's. */
  beforeAll(async () => {
    const connection = new Connection({ file: folder.database, owner, keys: testLogKeys });
    const denial = (n: number): Operation => {
      const userName = n % 1000 === 0 ? "Eve" : "Bob";
      const context = { receivedAt: now + 1000 * n, sourceIp: "127.0.0.1", channel: "rest", requestId: "r" } as const;
      return {
        kind: "deny",
        ...aDenial(keyChange(`AKIAIOSFODNN7EX${n % 100}`.padEnd(20, "0"), userName, { context })),
      };
    };
    for (let n = 0; n < RECORDS; n += 500) {
      const batch = Array.from({ length: 500 }, (_, at) => denial(n + at));
      expect(commit(connection, batch).every(({ ok }) => ok)).toBe(true);
    }
    connection.close();
    journal = await openOn(folder.database);
  });
  afterAll(async () => {
    await journal.close();
    folder.remove();
  });

  const search = async (filter: object) => {
    const { changes, next } = await journal.changes({ limit: 100, now, ...filter });
    return [changes.map(([first]) => first?.index), next];
  };

  it("finds a user's changes in all of them", async () => {
    const eves = Array.from({ length: 9 }, (_, n) => 8000 - 1000 * n);
    expect(await search({ userName: "EVE" })).toEqual([eves, undefined]);
    expect(await search({ userName: "eve", limit: 4 })).toEqual([eves.slice(0, 4), 4096]);
    expect(await search({ userName: "eve", limit: 4, before: 4096 })).toEqual([eves.slice(4, 8), 1000]);
    expect(await search({ userName: "eve", since: now + 3_000_000, until: now + 5_000_001 })).toEqual([
      [5000, 4000, 3000],
      undefined,
    ]);
  });

  it("passes over the stretches of other times", async () => {
    expect(await search({ until: now + 2001 })).toEqual([[2, 1, 0], undefined]);
    expect(await journal.records({ from: 0, limit: 10, since: now + 8_998_000 })).toMatchObject({
      records: [{ index: 8998 }, { index: 8999 }],
    });
  });

  it("keeps no keys of changes that were pruned", () => {
    const db = openToChange(folder.database);
    const keys = () => db.prepare("SELECT what, count(*) AS keys FROM found_by GROUP BY what ORDER BY what").all();
    // Of the four stretches that are full.
    const kept = (count: number) => ["credential", "principal", "user"].map((what) => ({ what, keys: count }));
    expect(keys()).toEqual(kept(8192));
    db.exec("BEGIN; DELETE FROM changes WHERE first_idx < 5000");
    expect(keys()).toEqual(kept(3192));
    db.exec("ROLLBACK");
    db.close();
  });

  it("looks at no more than some thousand rows for a page, and says where to go on", async () => {
    const nobody = { userName: "bob", principal: "sandbox nobody" };
    const [found, next] = await search(nobody);
    expect(found).toEqual([]);
    // Bob's, Eve's five not among them, and the end of two stretches.
    expect(Number(next)).toBeGreaterThan(RECORDS - 5_010);
    expect(await search({ ...nobody, before: next })).toEqual([[], undefined]);
    const intents = { limit: 10, code: "credential.status.intent" };
    expect(await journal.records({ ...intents, from: 0 })).toEqual({ records: [], next: 2000 });
    expect(await journal.records({ ...intents, from: 8000 })).toEqual({ records: [] });
  });

  it("does not hold up a commit, however many are waiting", async () => {
    const settled: string[] = [];
    const questions = Array.from({ length: 24 }, () =>
      journal.records({ from: 0, limit: 1, code: "credential.status.intent" }).then(() => settled.push("question")),
    );
    const commits = journal.deny(aDenial(keyChange("AKIAIOSFODNN7EXAMPLE"))).then(() => settled.push("commit"));
    await Promise.all([...questions, commits]);
    expect(settled.indexOf("commit")).toBeLessThanOrEqual(5);
  });
});
