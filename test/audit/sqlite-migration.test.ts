import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Journal } from "../../src/audit/journal.ts";
import { GrowingTree } from "../../src/tlog/growing-tree.ts";
import { aChange, aDenial, anIntent } from "../fixture/changes.ts";
import { dataFolder } from "../fixture/data-folder.ts";
import { openToChange } from "../fixture/database.ts";
import { makeLog01 } from "../fixture/log-0.1.ts";
import { provenBody } from "./journal-suite-receipts.ts";
import { openOn, owner, recordsIn } from "./sqlite-fixture.ts";

/** More than one stretch of the log, and more than one chunk of what comes along. */
const DENIALS = 5_000;
const later = Date.parse("2026-11-02T00:00:00Z");

describe("a SQLite database of Lockkeeper 0.1", () => {
  let folder: ReturnType<typeof dataFolder>;
  let file: string;
  const open: Journal[] = [];
  const opened = async (...args: Parameters<typeof openOn>) => {
    const journal = await openOn(...args);
    open.push(journal);
    return journal;
  };
  beforeEach(() => {
    folder = dataFolder();
    file = folder.database;
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((journal) => journal.close()));
    folder.remove();
  });

  const stored = () => textsOf("SELECT idx, body, leaf_hash FROM records ORDER BY idx");
  const textsOf = (sql: string) => {
    const db = openToChange(file);
    const rows = db.prepare(sql).all();
    db.close();
    return rows.map((row) => Object.values(row).map(String));
  };
  const change = (sql: string) => {
    const db = openToChange(file);
    db.exec(sql);
    db.close();
  };

  it("comes along with all that is in it, under a first signed head", async () => {
    const ids = makeLog01(file, owner, DENIALS);
    const old = stored();
    const journal = await opened(file);
    expect(recordsIn(file).map(({ index, body, leafHash }) => [String(index), body, leafHash])).toEqual(old);
    const tree = GrowingTree.load(0, () => []);
    for (const [, , hash = ""] of old) tree.append(Buffer.from(hash, "hex"));
    expect(await journal.head()).toMatchObject({ size: DENIALS + 3, root: tree.root().toString("hex") });
    for (const index of [0, 255, 256, 4095, 4096, DENIALS + 2]) {
      expect(
        provenBody((await journal.proven(index)) ?? { index, leafHash: "", proof: { lines: "", checkpoint: "" } }),
      ).toBe(old[index]?.[1]);
    }

    expect(await journal.overdue(later)).toMatchObject([{ id: ids.open, records: [{ index: DENIALS + 2 }] }]);
    expect(await journal.claimed("sandbox oncall", "k", later - 86_400_000)).toEqual({
      id: ids.open,
      bodyHash: "hash",
    });
    expect(await journal.apiKeys()).toMatchObject([{ id: "key-1", principal: "lockkeeper bot" }]);
    const found = async (filter: object) =>
      (await journal.changes({ limit: 10, now: later, ...filter })).changes.map(([first]) => first?.index);
    expect(await found({ outcome: "applied" })).toEqual([DENIALS]);
    expect(await found({ outcome: "unknown" })).toEqual([DENIALS + 2]);
    expect(await found({ userName: "bob", outcome: "denied", before: 1 })).toEqual([0]);
    expect(await found({ until: 0 })).toEqual([]);
    const { records } = await journal.records({ from: 0, limit: 10, correlation: ids.applied });
    expect(records.map(({ index }) => index)).toEqual([DENIALS, DENIALS + 1]);
    expect((await journal.deny(aDenial(aChange()))).index).toBe(DENIALS + 3);
  });

  it("comes along when it is empty", async () => {
    makeLog01(file, owner, 0);
    change("DELETE FROM records; DELETE FROM changes; DELETE FROM inflight");
    const journal = await opened(file);
    expect(await journal.head()).toBeUndefined();
    expect((await journal.deny(aDenial(aChange()))).index).toBe(0);
  });

  it("comes along once, when two open it at once", async () => {
    makeLog01(file, owner, 300);
    const both = await Promise.all([opened(file), opened(file, { exclusive: false })]);
    const receipts = await Promise.all(both.map((journal) => journal.deny(aDenial(aChange()))));
    expect(receipts.map(({ index }) => index).sort()).toEqual([303, 304]);
    expect(textsOf("SELECT version FROM migrations ORDER BY version")).toEqual([["1"], ["2"], ["3"]]);
  });

  it.each([
    ["body was changed", "UPDATE records SET body = body || ' ' WHERE idx = 7"],
    ["hash was changed", "UPDATE records SET leaf_hash = 'f' || substr(leaf_hash, 2) WHERE idx = 7"],
    ["record is missing", "DELETE FROM records WHERE idx = 7"],
  ])("is not signed, and stays as it is, when a %s", async (_, sql) => {
    makeLog01(file, owner, 20);
    change(sql);
    const old = stored();
    await expect(opened(file)).rejects.toMatchObject({
      code: "audit-unavailable",
      message: expect.stringContaining("its record 7 is not the one that was written by Lockkeeper 0.1"),
    });
    expect(stored()).toEqual(old);
    expect(textsOf("SELECT max(version) FROM migrations")).toEqual([["1"]]);
  });

  it("of another account stays as it is", async () => {
    makeLog01(file, "210987654321", 3);
    const old = stored();
    await expect(opened(file)).rejects.toThrow(/belongs to the AWS account 210987654321/);
    expect(stored()).toEqual(old);
  });
});

describe("a SQLite database of schema version 2", () => {
  it("comes along with its API keys, live and revoked, and takes key pairs and signatures from then on", async () => {
    const folder = dataFolder();
    makeLog01(folder.database, owner, 3);
    await (await openOn(folder.database)).close();
    const db = openToChange(folder.database);
    // As version 2 had it.
    db.exec(`
      DROP TABLE signatures;
      ALTER TABLE api_keys DROP COLUMN sealed_secret;
      ALTER TABLE api_keys DROP COLUMN sealed_under;
      INSERT INTO api_keys VALUES ('key-2', '${"1".repeat(64)}', 'lockkeeper bot', '{}', 2, 3, 4);
      DELETE FROM migrations WHERE version = 3;
    `);
    db.close();
    const journal = await openOn(folder.database);
    const common = { principal: "lockkeeper bot", principalJson: "{}" };
    expect(await journal.apiKeys()).toEqual([
      { id: "key-2", secretHash: "1".repeat(64), ...common, createdAt: 2, expiresAt: 3, revokedAt: 4 },
      {
        id: "key-1",
        secretHash: "0".repeat(64),
        ...common,
        createdAt: expect.any(Number),
        expiresAt: expect.any(Number),
        revokedAt: null,
      },
    ]);
    const pair = { id: "key-3", ...common, createdAt: 9e12, expiresAt: 9e12, revokedAt: null };
    const sealed = { ...pair, sealedSecret: "sealed", sealedUnder: "under" };
    expect(await journal.addApiKey(sealed, aDenial(aChange()).record, 5)).toBe("added");
    expect((await journal.apiKeys()).at(-1)).toEqual(sealed);
    const signature = { digest: "a".repeat(64), expiresAt: later };
    const change = aChange({
      credential: { type: "access-key", id: "AKIAIOSFODNN7EXAMPLE", userName: "Bob", account: owner },
    });
    expect(await journal.begin(anIntent(change, later - 1, { signature }))).toMatchObject({ kind: "started" });
    expect(await journal.begin(anIntent(change, later - 1, { signature }))).toMatchObject({ kind: "seen" });
    await journal.close();
    folder.remove();
  });
});

describe("a SQLite database from before 0.1", () => {
  it("is not touched, and is said to be one", async () => {
    const folder = dataFolder();
    makeLog01(folder.database, owner, 3);
    const db = openToChange(folder.database);
    db.exec("DROP TABLE settings");
    await expect(openOn(folder.database)).rejects.toThrow(/was written by a Lockkeeper from before release 0\.1/);
    expect(db.prepare("SELECT count(*) AS records FROM records").get()).toMatchObject({ records: 6 });
    db.close();
    folder.remove();
  });
});
