import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { Journal } from "../../src/audit/journal.ts";
import { endpointOf } from "../../src/audit/postgres/address.ts";
import { lockHead } from "../../src/audit/postgres/log-rows.ts";
import { openPostgresStore } from "../../src/audit/postgres/store.ts";
import { WriterSession } from "../../src/audit/postgres/writer-session.ts";
import { openJournal } from "../../src/audit/store-journal.ts";
import { aChange, aDenial } from "../fixture/changes.ts";
import { testLogKeys } from "../fixture/log-keys.ts";
import { newSchema, postgresDatabase, recordsIn, type TestDatabase } from "../fixture/postgres.ts";
import { type PostgresProxy, postgresProxy } from "../fixture/postgres-proxy.ts";
import { startPostgres } from "../fixture/postgres-server.ts";

const owner = "123456789012";

describe("the log in PostgreSQL, when its connection fails,", () => {
  let database: TestDatabase;
  let proxy: PostgresProxy;
  let schema: string;
  const opened: Journal[] = [];
  beforeAll(async () => {
    database = await postgresDatabase();
  });
  afterAll(() => database.drop());
  beforeEach(async () => {
    schema = newSchema();
    proxy = await postgresProxy(database.server);
  });
  afterEach(async () => {
    proxy.open = true;
    await Promise.all(opened.splice(0).map((journal) => journal.close()));
    await proxy.close();
  });

  const address = () => {
    const url = new URL(database.address.url);
    url.port = String(proxy.port);
    return { ...database.address, url: String(url), schema };
  };
  const open = async (through = address(), deadlineMs = 10_000) => {
    const store = await openPostgresStore({ ...through, owner, keys: testLogKeys });
    const journal = openJournal(store, { deadlineMs, maxQueue: 1000, probeMs: 600_000 });
    opened.push(journal);
    return journal;
  };
  const direct = () => open({ ...database.address, schema });
  const deny = async (journal: Journal) => {
    const denial = aDenial(aChange());
    const receipt = await journal.deny(denial);
    return { uid: denial.record.uid, receipt };
  };
  const uids = async () =>
    (await recordsIn(database, schema)).map(({ body }) => JSON.parse(String(body)).metadata.uid as string);

  it("before COMMIT, writes nothing and says so", async () => {
    const journal = await open();
    await deny(journal);
    proxy.meet("cut-before");
    await expect(deny(journal)).rejects.toMatchObject({ code: "audit-unavailable" });
    expect(await uids()).toHaveLength(1);
    expect((await deny(journal)).receipt.index).toBe(1);
  });

  it("after COMMIT, finds the record that it has written, once", async () => {
    const journal = await open();
    await deny(journal);
    proxy.meet("cut-after");
    const { uid, receipt } = await deny(journal);
    expect(receipt.index).toBe(1);
    expect((await uids()).filter((one) => one === uid)).toHaveLength(1);
    expect((await deny(journal)).receipt.index).toBe(2);
  });

  it("with COMMIT on its way, waits for what becomes of it: exactly one record", async () => {
    const journal = await open();
    await deny(journal);
    proxy.meet("delay");
    const { uid, receipt } = await deny(journal);
    expect(receipt.index).toBe(1);
    expect((await uids()).filter((one) => one === uid)).toHaveLength(1);
  });

  it("with COMMIT lost and the server none the wiser, waits until that has given up, and writes nothing", async () => {
    const journal = await open();
    await deny(journal);
    proxy.meet("lose");
    await expect(deny(journal)).rejects.toMatchObject({ code: "audit-unavailable" });
    expect(await uids()).toHaveLength(1);
    expect((await deny(journal)).receipt.index).toBe(1);
  });

  it("answers a batch of many whose COMMIT was cut off all alike", async () => {
    const journal = await open();
    proxy.meet("cut-after");
    const receipts = await Promise.all(Array.from({ length: 30 }, () => deny(journal)));
    expect(new Set(receipts.map(({ receipt }) => receipt.index)).size).toBe(30);
    expect((await uids()).sort()).toEqual(receipts.map(({ uid }) => uid).sort());
  });

  it("between two commits, goes on with another one without anybody noticing", async () => {
    const journal = await open();
    await deny(journal);
    proxy.cut();
    expect((await deny(journal)).receipt.index).toBe(1);
    await database.admin(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lockkeeper' AND datname = current_database()",
    );
    expect((await deny(journal)).receipt.index).toBe(2);
  });

  it("while it waits for its turn, waits again: nothing is lost, nothing written twice", async () => {
    const journal = await open();
    await deny(journal);
    const holder = await WriterSession.open({ endpoint: endpointOf(database.address), schema });
    await Promise.all([holder.begin(), holder.ask(lockHead, [])]);
    const denied = deny(journal);
    const waiting =
      "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'lockkeeper' AND datname = current_database()";
    let pids: readonly Record<string, unknown>[] = [];
    while (pids.length === 0) pids = await database.admin(waiting);
    await database.admin("SELECT pg_terminate_backend($1)", [pids[0]?.["pid"]]);
    await holder.rollback();
    expect((await denied).receipt.index).toBe(1);
    expect(await uids()).toHaveLength(2);
    await holder.close();
  });

  it("and stays away, refuses at once, is not healthy, and goes on when it is back", async () => {
    const journal = await open();
    await deny(journal);
    proxy.open = false;
    proxy.cut();
    await expect(deny(journal)).rejects.toMatchObject({ code: "audit-unavailable" });
    expect(journal.healthy()).toBe(false);
    await expect(journal.apiKeys()).rejects.toMatchObject({ code: "audit-unreadable" });
    proxy.open = true;
    while (!journal.healthy()) await new Promise((resolve) => setTimeout(resolve, 20));
    expect((await deny(journal)).receipt.index).toBe(1);
  });

  it("lets the others go on when one stops in the middle of a transaction", async () => {
    const other = await direct();
    await deny(other);
    const stopped = await WriterSession.open({ endpoint: endpointOf(database.address), schema });
    await Promise.all([stopped.begin(), stopped.ask(lockHead, [])]);
    // Nothing more comes from it, as from a process that was suspended.
    expect((await deny(other)).receipt.index).toBe(1);
    expect(stopped.lost?.message).toMatch(/idle-in-transaction/);
  });

  it("is gone over to a server that lost the newest records: nothing more is written", async () => {
    const journal = await open();
    for (let n = 0; n < 3; n += 1) await deny(journal);
    await database.tamper(`
      DELETE FROM ${schema}.records WHERE idx >= 2; DELETE FROM ${schema}.checkpoints WHERE size > 2;
      UPDATE ${schema}.head SET size = 2, checkpoint = note, root = decode(split_part(note, E'\\n', 3), 'base64')
      FROM ${schema}.checkpoints WHERE checkpoints.size = 2`);
    proxy.cut();
    await expect(deny(journal)).rejects.toThrow(/was rolled back: its newest head has 2 records, and it had 3 before/);
    await expect(deny(journal)).rejects.toThrow(/rolled back/);
    expect(journal.healthy()).toBe(false);
    expect(await uids()).toHaveLength(2);
  });
});

describe("the log in PostgreSQL with a standby", () => {
  it("is not believed to be there when somebody ends the wait for the standby, until that has it too", async () => {
    const server = await startPostgres();
    const database = await postgresDatabase(server);
    const schema = newSchema();
    const store = await openPostgresStore({ ...database.address, schema, owner, keys: testLogKeys });
    /** The session that waits for a standby, when it is another one than `before`. */
    const waiting = (before: unknown) =>
      vi.waitUntil(
        async () => {
          const rows = await database.admin("SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
          return rows.map(({ pid }) => pid).find((pid) => pid !== before);
        },
        { timeout: 20_000, interval: 20 },
      );
    await database.admin("ALTER SYSTEM SET synchronous_standby_names = 'elsewhere'");
    await database.admin("SELECT pg_reload_conf()");
    let outcomes: readonly unknown[] | undefined;
    const commit = async () => {
      outcomes = undefined;
      outcomes = await store.commit([{ kind: "note", record: aDenial(aChange()).record }]);
    };
    // Every process of the server gets to the setting in its own time: until then, commits go through.
    let [committed, through] = [commit(), 0];
    const first = await vi.waitUntil(
      async () => {
        if (outcomes !== undefined) {
          through += 1;
          committed = commit();
        }
        const [row] = await database.admin("SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
        return row?.["pid"];
      },
      { timeout: 20_000, interval: 20 },
    );
    await database.admin("SELECT pg_cancel_backend($1)", [first]);
    // The record can be seen now, and would be lost with this server. Another session waits in its place.
    await waiting(first);
    expect(outcomes).toBeUndefined();
    await database.admin("ALTER SYSTEM RESET synchronous_standby_names");
    await database.admin("SELECT pg_reload_conf()");
    await committed;
    expect(outcomes).toMatchObject([{ ok: true, result: { index: through } }]);
    expect(await recordsIn(database, schema)).toHaveLength(through + 1);
    await store.close();
    await server.remove();
  });
});
