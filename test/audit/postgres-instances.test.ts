import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { signHead } from "../../src/audit/head.ts";
import type { Journal } from "../../src/audit/journal.ts";
import { keyRecord } from "../../src/audit/key-record.ts";
import { LogBatch } from "../../src/audit/log-batch.ts";
import { logIdentity } from "../../src/audit/log-keys.ts";
import { endpointOf } from "../../src/audit/postgres/address.ts";
import { appendBatch } from "../../src/audit/postgres/flush.ts";
import { openPostgresStore } from "../../src/audit/postgres/store.ts";
import { WriterSession } from "../../src/audit/postgres/writer-session.ts";
import { openJournal } from "../../src/audit/store-journal.ts";
import { GrowingTree } from "../../src/tlog/growing-tree.ts";
import { aChange, aDenial, anIntent } from "../fixture/changes.ts";
import { nextTestKey, rotatedLogKeys, testKey, testLogKeys } from "../fixture/log-keys.ts";
import { newSchema, postgresDatabase, recordsIn, type TestDatabase } from "../fixture/postgres.ts";
import { applied, ended, keyChange, now } from "./journal-samples.ts";
import { provenBody } from "./journal-suite-receipts.ts";

const owner = "123456789012";

describe("several instances on one log in PostgreSQL", () => {
  let database: TestDatabase;
  let schema: string;
  const opened: Journal[] = [];
  beforeAll(async () => {
    database = await postgresDatabase();
  });
  afterAll(() => database.drop());
  beforeEach(() => {
    schema = newSchema();
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((journal) => journal.close()));
  });

  const open = async (keys = testLogKeys) => {
    const store = await openPostgresStore({ ...database.address, schema, owner, keys });
    const journal = openJournal(store, { deadlineMs: 20_000, maxQueue: 4096, probeMs: 600_000 });
    opened.push(journal);
    return journal;
  };
  const three = () => Promise.all([open(), open(), open()]);
  const credential = (n: number) => keyChange(`AKIAIOSFODNN7EX${String(n).padStart(5, "0")}`);

  it("append at the same time to one tree, without a gap, and every receipt verifies", async () => {
    const journals = await three();
    const receipts = await Promise.all(
      journals.flatMap((journal) =>
        Array.from({ length: 8 }, async () => {
          const mine = [];
          for (let n = 0; n < 30; n += 1) {
            const denial = aDenial(aChange());
            mine.push({ denial, receipt: await journal.deny(denial) });
          }
          return mine;
        }),
      ),
    );
    const all = receipts.flat();
    expect(all.map(({ receipt }) => receipt.index).sort((a, b) => a - b)).toEqual([...Array(720).keys()]);
    for (const { denial, receipt } of all) expect(provenBody(receipt)).toBe(denial.record.body);
    const tree = GrowingTree.load(0, () => []);
    for (const { leafHash } of await recordsIn(database, schema)) tree.append(Buffer.from(leafHash, "hex"));
    for (const journal of journals) expect((await journal.head())?.root).toBe(tree.root().toString("hex"));
  });

  it("go on after others have appended more than is looked at leaf by leaf", async () => {
    const [one, two] = await Promise.all([open(), open()]);
    await one.deny(aDenial(aChange()));
    await Promise.all(Array.from({ length: 1500 }, () => two.deny(aDenial(aChange()))));
    const denial = aDenial(aChange());
    const receipt = await one.deny(denial);
    expect(receipt.index).toBe(1501);
    expect(provenBody(receipt)).toBe(denial.record.body);
  });

  it("take changes whole: each with its intent and its outcome, whoever else is writing", async () => {
    const journals = await three();
    const changes = Array.from({ length: 120 }, (_, n) => credential(n));
    await Promise.all(
      changes.map(async (change, n) => {
        const [begins, finishes] = [journals[n % 3], journals[(n + 1) % 3]];
        expect(await begins?.begin(anIntent(change, now))).toMatchObject({ kind: "started" });
        expect(await finishes?.finish(change.id, ended(change, applied))).toMatchObject({ appended: true });
      }),
    );
    const { changes: found } = await (journals[0] as Journal).changes({ limit: 200, outcome: "applied", now });
    expect(found).toHaveLength(120);
    expect(await journals[2]?.unsettled(now + 1_000_000)).toBe(0);
  });

  it("let exactly one of many changes of a credential in, wherever they come from", async () => {
    const journals = await three();
    for (let round = 0; round < 5; round += 1) {
      const all = await Promise.all(
        Array.from({ length: 30 }, (_, n) => journals[n % 3]?.begin(anIntent(credential(round), now))),
      );
      expect(all.filter((begun) => begun?.kind === "started")).toHaveLength(1);
    }
  });

  it("know each other's Idempotency-Keys", async () => {
    const [one, two] = await three();
    const claim = { key: "k", bodyHash: "a", expiresAt: now + 1000 };
    const change = credential(1);
    await one.begin(anIntent(change, now, { idempotency: claim }));
    expect(await two.claimed("sandbox oncall", "k", now)).toEqual({ id: change.id, bodyHash: "a" });
    expect(await two.begin(anIntent(credential(2), now, { idempotency: claim }))).toEqual({
      kind: "replay",
      id: change.id,
    });
    const other = { ...claim, bodyHash: "b" };
    expect(await two.begin(anIntent(credential(3), now, { idempotency: other }))).toMatchObject({ kind: "conflict" });
  });

  it("bind an Idempotency-Key once, however many ask with it at the same time", async () => {
    const journals = await three();
    const idempotency = { key: "k", bodyHash: "a", expiresAt: now + 1000 };
    const all = await Promise.all(
      Array.from({ length: 30 }, (_, n) => journals[n % 3]?.begin(anIntent(credential(n), now, { idempotency }))),
    );
    expect(all.filter((begun) => begun?.kind === "started")).toHaveLength(1);
    expect(all.filter((begun) => begun?.kind === "replay")).toHaveLength(29);
  });

  it("see at once that a key was revoked, and count a principal's keys together", async () => {
    const [one, two, three_] = await three();
    const key = (id: string) => ({
      id,
      secretHash: "h".repeat(64),
      principal: "lockkeeper bot",
      principalJson: "{}",
      createdAt: now,
      expiresAt: now + 1000,
      revokedAt: null,
    });
    const record = (kind: "created" | "revoked", id: string) =>
      keyRecord(kind, { id, principal: { id: "bot", issuer: "lockkeeper", kind: "bot" }, expiresAt: now }, now);
    const added = await Promise.all(
      [one, two, three_].map((journal, n) => journal.addApiKey(key(`k${n}`), record("created", `k${n}`), now)),
    );
    expect(added.sort()).toEqual(["added", "added", "too-many"]);
    const [live] = await two.apiKeys();
    const revoked = await Promise.all(
      [one, two, three_].map((journal) => journal.revokeApiKey(live?.id ?? "", now, record("revoked", live?.id ?? ""))),
    );
    expect(revoked.sort()).toEqual([false, false, true]);
    expect((await three_.apiKeys()).find(({ id }) => id === live?.id)?.revokedAt).toBe(now);
  });

  it("share leases: one holder at a time", async () => {
    const journals = await three();
    const held = await Promise.all(journals.map((journal, n) => journal.lease("reconciler", `i${n}`, now, 1000)));
    expect(held.filter(Boolean)).toHaveLength(1);
  });

  it("cannot append to a head that they have not locked as it is", async () => {
    const journal = await open();
    await journal.deny(aDenial(aChange()));
    const session = await WriterSession.open({ endpoint: endpointOf(database.address), schema });
    const identity = logIdentity(testLogKeys);
    const batch = new LogBatch(
      GrowingTree.load(0, () => []),
      identity,
    );
    batch.append(aDenial(aChange()).record);
    const sealed = batch.seal();
    if (sealed === undefined) throw new Error("the batch has a record");
    await session.begin();
    const stale = { size: 1, root: sealed.head.root, vkey: testKey.verifier };
    const [append] = appendBatch({ ...sealed, head: { ...sealed.head, size: 2 } }, stale, testKey.verifier);
    if (append === undefined) throw new Error("there is something to append");
    await expect(session.run(append)).rejects.toThrow("the head of the log is not the one that was locked");
    expect(await session.commit()).toBe(false);
    await session.close();
    expect(await recordsIn(database, schema)).toHaveLength(1);
  });

  it("do not sign what somebody without a key of the log has appended", async () => {
    const [one, two] = await three();
    await one.deny(aDenial(aChange()));
    await two.deny(aDenial(aChange()));
    // The database's administrator, with a tree that is right, and a signature that is not.
    const tree = GrowingTree.load(0, () => []);
    for (const { leafHash } of await recordsIn(database, schema)) tree.append(Buffer.from(leafHash, "hex"));
    tree.mark();
    const forger = logIdentity({ ...rotatedLogKeys, signingKey: rotatedLogKeys.signingKey });
    const batch = new LogBatch(tree, forger);
    batch.append(aDenial(aChange()).record);
    const { rows: [row] = [], head } = batch.seal() ?? { rows: [], head: undefined };
    await database.tamper(`
      INSERT INTO ${schema}.records (idx, time, leaf_hash, uid, correlation, code, body)
      VALUES (2, 0, decode('${row?.leafHash.toString("hex")}', 'hex'), 'u', 'c', 'x', '${row?.record.body}');
      INSERT INTO ${schema}.checkpoints (size, note) VALUES (3, '${head?.checkpoint}');
      UPDATE ${schema}.head SET size = 3, checkpoint = '${head?.checkpoint}', root = decode('${head?.root.toString("hex")}', 'hex')`);
    for (const journal of [one, two]) {
      await expect(journal.deny(aDenial(aChange()))).rejects.toThrow(/signed by a key that is not trusted here/);
      expect(journal.healthy()).toBe(false);
    }
    expect(await recordsIn(database, schema)).toHaveLength(3);
  });

  it.each([
    ["checkpoints", "(size, note) VALUES (2, 'nobody signed this')"],
    ["nodes", "(level, idx, hash) VALUES (1, 0, sha256(''))"],
  ])("take nothing more when the table %s has a row that is only for the next record", async (table, row) => {
    const journal = await open();
    await journal.deny(aDenial(aChange()));
    const next = table === "nodes" ? 255 : 1;
    for (let n = 1; n < next; n += 1) await journal.deny(aDenial(aChange()));
    await database.tamper(`INSERT INTO ${schema}.${table} ${row}`);
    const refused = journal.deny(aDenial(aChange()));
    await expect(refused).rejects.toMatchObject({
      code: "audit-unavailable",
      message: expect.stringMatching(`its table ${table} has a row behind its newest head`),
    });
    expect(journal.healthy()).toBe(false);
    expect(await recordsIn(database, schema)).toHaveLength(next);
  });

  describe("whose key is followed by another", () => {
    it("stop when another instance has begun to sign with the new one, and say so", async () => {
      const trusting = { ...testLogKeys, trustedKeys: [...testLogKeys.trustedKeys, nextTestKey.verifier] };
      const former = await open(trusting);
      await former.deny(aDenial(aChange()));
      const next = await open(rotatedLogKeys);
      await expect(former.deny(aDenial(aChange()))).rejects.toThrow(
        /another instance signs it with the key lockkeeper\.test\/log\+6155dea4 now.*audit\.signingKeyFile/,
      );
      expect(former.healthy()).toBe(false);
      expect((await next.deny(aDenial(aChange()))).index).toBe(2);
    });

    it("stop, and are not called tampered with, though they do not know the new key", async () => {
      const commits: boolean[] = [];
      const store = await openPostgresStore({ ...database.address, schema, owner, keys: testLogKeys });
      const former = openJournal(store, {
        ...{ deadlineMs: 20_000, maxQueue: 4096, probeMs: 600_000 },
        onCommit: ({ poisoned }) => commits.push(poisoned),
      });
      opened.push(former);
      await former.deny(aDenial(aChange()));
      await (await open(rotatedLogKeys)).deny(aDenial(aChange()));
      await expect(store.check()).rejects.toThrow(/That is no fault of the log: start this one again with the new key/);
      await expect(former.deny(aDenial(aChange()))).rejects.toThrow(/takes no records any more.*audit\.formerKeys/);
      expect(former.healthy()).toBe(false);
      expect(commits).toEqual([false, false]);
    });

    it("do not start again with the former one", async () => {
      const former = await open();
      await former.deny(aDenial(aChange()));
      await open(rotatedLogKeys);
      const trusting = { ...testLogKeys, trustedKeys: [...testLogKeys.trustedKeys, nextTestKey.verifier] };
      await expect(open(trusting)).rejects.toThrow(/its key .*e8fce916 was replaced by .*6155dea4/);
    });

    it("start with the new one at the same time", async () => {
      await (await open()).deny(aDenial(aChange()));
      const [one, two] = await Promise.all([open(rotatedLogKeys), open(rotatedLogKeys)]);
      await Promise.all([one, two].map((journal) => journal.deny(aDenial(aChange()))));
      expect((await one.head())?.size).toBe((await two.head())?.size);
    });

    it("say only once that the key is another, however many start with it at the same time", async () => {
      await (await open()).deny(aDenial(aChange()));
      await Promise.all([1, 2, 3, 4].map(() => open(rotatedLogKeys)));
      const codes = (await recordsIn(database, schema)).map(({ body }) => JSON.parse(body ?? "").metadata.event_code);
      expect(codes.filter((code) => code === "lockkeeper.audit-key.changed")).toHaveLength(1);
    });

    it("do not start on a log whose newest head was signed anew with the former key", async () => {
      for (const keys of [testLogKeys, rotatedLogKeys]) await (await open(keys)).deny(aDenial(aChange()));
      const head = await opened.at(-1)?.head();
      const root = Buffer.from(head?.root ?? "", "hex");
      const { checkpoint } = signHead(logIdentity(testLogKeys), head?.size ?? 0, root);
      await database.tamper(`
        UPDATE ${schema}.checkpoints SET note = '${checkpoint}' WHERE size = ${head?.size};
        UPDATE ${schema}.head SET checkpoint = '${checkpoint}'`);
      await expect(open(rotatedLogKeys)).rejects.toThrow(/not signed with the key that is said to have signed it/);
      await database.tamper(`UPDATE ${schema}.head SET vkey = '${testKey.verifier}'`);
      const replaced = /signed with the key .*e8fce916, which .*6155dea4 had replaced/;
      await expect(open(rotatedLogKeys)).rejects.toThrow(replaced);
      await database.tamper(`DELETE FROM ${schema}.keys`);
      await expect(open(rotatedLogKeys)).rejects.toThrow(replaced);
    });
  });
});
