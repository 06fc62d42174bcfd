import { once } from "node:events";
import { chmodSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import { afterEach, describe, expect, it } from "vitest";
import type { Journal } from "../../src/audit/journal.ts";
import { openDatabase } from "../../src/audit/sqlite/database.ts";
import { aChange, aDenial, anIntent } from "../fixture/changes.ts";
import { dataFolder } from "../fixture/data-folder.ts";
import { openToChange } from "../fixture/database.ts";
import { nextTestKey, rotatedLogKeys, testKey, testLogKeys } from "../fixture/log-keys.ts";
import { journalSuite } from "./journal-suite.ts";
import { openOn, owner, recordsIn, sqliteFixture } from "./sqlite-fixture.ts";
import { Attacker } from "./verify/attacker.ts";

journalSuite("SQLite", sqliteFixture);

describe("the SQLite store", () => {
  const folder = dataFolder();
  const open: Journal[] = [];
  const journalOn = async (exclusive: boolean, file = folder.database, whose = owner) => {
    const journal = await openOn(file, { exclusive, owner: whose });
    open.push(journal);
    return journal;
  };
  afterEach(async () => {
    await Promise.all(open.splice(0).map((journal) => journal.close()));
  });

  it("refuses a second gateway on the same folder, and takes the next one when the first has gone", async () => {
    const first = await journalOn(true);
    await expect(journalOn(true)).rejects.toMatchObject({
      code: "audit-unavailable",
      message: expect.stringContaining("Another Lockkeeper already works on"),
    });
    await first.close();
    await journalOn(true);
  });

  it("lets a command read and write beside a running gateway, in one order of records", async () => {
    const gateway = await journalOn(true);
    const command = await journalOn(false);
    const before = recordsIn(folder.database).length;
    await gateway.deny(aDenial(aChange()));
    await command.note(aDenial(aChange()).record);
    const receipt = await gateway.deny(aDenial(aChange()));
    expect(receipt.index).toBe(before + 2);
  });

  it.each([
    ["records", "(idx, leaf_hash, uid, correlation, code, time, body) VALUES (1, x'00', 'u', 'c', 'x', 1, '{}')"],
    ["checkpoints", "(size, note) VALUES (2, 'nobody signed this')"],
  ])("takes nothing more when the table %s has a row that is only for the next record", async (table, row) => {
    const other = dataFolder();
    const gateway = await openOn(other.database);
    open.push(gateway);
    await gateway.deny(aDenial(aChange()));
    const by = new Attacker(other.database);
    by.run(`INSERT INTO ${table} ${row}`);
    by.close();
    const refused = gateway.deny(aDenial(aChange()));
    await expect(refused).rejects.toMatchObject({ code: "audit-unavailable" });
    expect(gateway.healthy()).toBe(false);
    other.remove();
  });

  it("follows no log that is signed with another key since", async () => {
    const other = dataFolder();
    const trusting = { ...testLogKeys, trustedKeys: rotatedLogKeys.trustedKeys };
    const gateway = await openOn(other.database, { keys: trusting });
    await gateway.deny(aDenial(aChange()));
    const command = await openOn(other.database, { exclusive: false, keys: trusting });
    open.push(command);
    await gateway.close();
    open.push(await openOn(other.database, { keys: rotatedLogKeys }));
    await expect(command.deny(aDenial(aChange()))).rejects.toThrow(/another instance signs it with the key .*6155dea4/);
    expect(recordsIn(other.database)).toHaveLength(2);
    other.remove();
  });

  it("does not open when a key that was replaced has signed its newest head, though no row says that it was", async () => {
    const other = dataFolder();
    await (await openOn(other.database)).close();
    for (const keys of [testLogKeys, rotatedLogKeys]) {
      const gateway = await openOn(other.database, { keys });
      await gateway.deny(aDenial(aChange()));
      await gateway.close();
    }
    const by = new Attacker(other.database);
    by.editBody(2);
    by.rebuild(3, testKey.signer);
    const replaced = /signed with the key .*e8fce916, which .*6155dea4 had replaced/;
    await expect(openOn(other.database, { keys: rotatedLogKeys })).rejects.toThrow(replaced);
    by.run("DELETE FROM keys WHERE vkey = ?", nextTestKey.verifier);
    by.close();
    await expect(openOn(other.database, { keys: rotatedLogKeys })).rejects.toThrow(replaced);
    other.remove();
  });

  it("takes another signing key from a gateway, and not from a command beside it", async () => {
    const other = dataFolder();
    const gateway = await openOn(other.database);
    open.push(gateway);
    await gateway.deny(aDenial(aChange()));
    const command = openOn(other.database, { exclusive: false, keys: rotatedLogKeys });
    await expect(command).rejects.toThrow(
      /signed with the key lockkeeper\.test\/log\+e8fce916, and audit\.signingKeyFile holds lockkeeper\.test\/log\+6155dea4/,
    );
    expect(recordsIn(other.database)).toHaveLength(1);
    other.remove();
  });

  it("has let go of its files when it says that it cannot be opened", async () => {
    const other = dataFolder();
    const journal = await openOn(other.database);
    await journal.deny(aDenial(aChange()));
    await journal.close();
    await (await openOn(other.database, { keys: rotatedLogKeys })).close();
    const replaced = { ...rotatedLogKeys, signingKey: testLogKeys.signingKey };
    // More than once: left to the end of its thread, they would be let go of in time now and then.
    for (let tries = 0; tries < 5; tries += 1) {
      await expect(openOn(other.database, { keys: replaced })).rejects.toThrow(/was replaced by/);
      expect(readdirSync(other.path).sort()).toEqual(["gateway.lock", "lockkeeper.db"]);
    }
    other.remove();
  });

  it("finds everything again after it was closed", async () => {
    const change = aChange();
    const first = await journalOn(true);
    await first.begin(anIntent(change, 1000));
    await first.close();
    const second = await journalOn(true);
    expect(await second.overdue(10_000)).toMatchObject([{ id: change.id }]);
  });

  it("keeps its file to itself", async () => {
    await journalOn(true);
    expect(statSync(folder.database).mode & 0o777).toBe(0o600);
  });

  it("syncs every commit: WAL with synchronous=FULL", async () => {
    const { db } = openDatabase(folder.database, { owner, keys: testLogKeys });
    expect(Object.values(db.prepare("PRAGMA synchronous").get() ?? {})).toEqual([2]);
    expect(Object.values(db.prepare("PRAGMA journal_mode").get() ?? {})).toEqual(["wal"]);
    db.close();
  });

  it("says which file cannot be used, and why", async () => {
    const other = dataFolder();
    const file = join(other.path, "lockkeeper.db");
    openToChange(file).close();
    writeFileSync(file, "this is no database at all, but long enough to be looked at as one ".repeat(20));
    chmodSync(file, 0o600);
    await expect(journalOn(true, file)).rejects.toMatchObject({
      code: "audit-unavailable",
      message: expect.stringContaining(`${file} cannot be used: file is not a database`),
    });
    other.remove();
  });

  it("opens while another process is writing", async () => {
    await (await journalOn(false)).close();
    const writer = openToChange(folder.database);
    writer.exec("BEGIN IMMEDIATE");
    await journalOn(true);
    writer.close();
  });

  it("belongs to the account that it was made for, and the sandbox's to nobody's account", async () => {
    const [production, sandbox] = [dataFolder(), dataFolder()];
    await (await journalOn(true, production.database, owner)).close();
    await (await journalOn(true, sandbox.database, "sandbox")).close();
    await expect(journalOn(true, production.database, "210987654321")).rejects.toMatchObject({
      code: "audit-unavailable",
      message: expect.stringContaining(
        "belongs to the AWS account 123456789012, and this Lockkeeper works for the AWS account 210987654321",
      ),
    });
    await expect(journalOn(true, production.database, "sandbox")).rejects.toThrow(/works for the sandbox. Give each/);
    await expect(journalOn(true, sandbox.database, owner)).rejects.toThrow(/it belongs to the sandbox/);
    await journalOn(true, production.database, owner);
    for (const one of [production, sandbox]) one.remove();
  });

  it("says that its thread has died, answers nobody afterwards, and can still be closed", async () => {
    const other = dataFolder();
    const started = once(process, "worker") as Promise<[Worker]>;
    const journal = await journalOn(true, other.database);
    const [thread] = await started;
    const asked = journal.deny(aDenial(aChange()));
    await thread.terminate();
    await expect(asked).rejects.toMatchObject({ code: "audit-unavailable" });
    expect(await journal.failed).toMatchObject({ code: "audit-unavailable" });
    await expect(journal.deny(aDenial(aChange()))).rejects.toMatchObject({ code: "audit-unavailable" });
    await expect(journal.recordsOf(aChange().id)).rejects.toMatchObject({ code: "audit-unreadable" });
    await journal.close();
    other.remove();
  });

  it("has not failed when it was closed in order", async () => {
    const journal = await journalOn(true);
    await journal.close();
    const nextTurn = new Promise((resolve) => setImmediate(() => resolve("still pending")));
    expect(await Promise.race([journal.failed, nextTurn])).toBe("still pending");
  });

  it("does not touch a database that a newer Lockkeeper wrote", async () => {
    const other = dataFolder();
    const db = openToChange(other.database);
    db.exec("CREATE TABLE migrations (version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL) STRICT");
    db.exec("INSERT INTO migrations VALUES (999, 'later')");
    db.close();
    await expect(journalOn(true, other.database)).rejects.toThrow(/schema version 999/);
    other.remove();
  });
});
