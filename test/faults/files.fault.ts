import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openToChange, openToRead } from "../fixture/database.ts";
import { startProgram, stopAll } from "../fixture/processes.ts";
import { prepareService, type Service } from "../fixture/service.ts";
import { change, loadCredential, main, receivedUpdates, stopped, until } from "./gate.ts";
import { report } from "./summary.ts";
import { Tally } from "./tally.ts";

const USERS = 20;
/** Within which a change to the files has to be noticed. */
const NOTICED_MS = 5_000;

describe("a database file that, under the running service,", () => {
  let folder: string;
  let iam: Awaited<ReturnType<typeof startProgram>>;
  let service: Service<"oncall">;
  let gateway: Awaited<ReturnType<Service<"oncall">["start"]>>;
  let logged: string[] = [];
  const tally = new Tally();
  let turn = 0;
  const paths = () => [service.database, `${service.database}-wal`];
  const older = () => join(folder, "older.db");

  const ask = async () => {
    turn += 1;
    const body = { credential: loadCredential((turn % USERS) + 1), status: "Inactive" };
    return tally.take(await change(gateway.url, service.keys.oncall, body));
  };
  const ready = async () => (await fetch(`${gateway.url}/readyz`)).status;
  const start = async () => {
    gateway = await service.start();
    for (let count = 0; count < 5; count += 1) expect((await ask())?.status).toBe(201);
    logged = [];
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "lockkeeper-files-"));
    iam = await startProgram([main, "sandbox-iam", "--extra-users", String(USERS)]);
    service = await prepareService({
      main,
      iamUrl: iam.url,
      roles: { oncall: "oncall" },
      settings: { limits: { changes: { perMinute: 100_000 } }, reconcile: { intervalMs: 60_000 } },
      onLine: (line) => logged.push(line),
    });
    await start();
    await stopped(gateway.child);
    copyFileSync(service.database, older());
    // A checkpoint at the end of each run: the older copy lacks what is in the database itself, and not only in its log.
    await start();
    await stopped(gateway.child);
    await start();
  });
  afterAll(async () => {
    await stopAll();
    service.remove();
    rmSync(folder, { recursive: true });
  });

  const copies = () =>
    paths().map((path) => ({ path, kept: join(folder, `kept${path.slice(service.database.length)}`) }));
  const keep = async () => {
    // A user's lease is given up after the answer; a copy that still has it would hold that user up once it is put back.
    const db = openToRead(service.database);
    await until(() => db.prepare("SELECT 1 FROM leases WHERE name LIKE 'user %'").get() === undefined);
    db.close();
    for (const { path, kept } of copies()) copyFileSync(path, kept);
  };
  const putBack = () => {
    if (existsSync(join(folder, "away"))) {
      rmSync(dirname(service.database), { recursive: true, force: true });
      renameSync(join(folder, "away"), dirname(service.database));
    }
    for (const path of [...paths(), `${service.database}-shm`]) rmSync(path, { force: true });
    for (const { path, kept } of copies()) copyFileSync(kept, path);
  };

  const harmless: readonly { readonly name: string; readonly act: () => void }[] = [
    { name: "is left alone", act: () => {} },
    { name: "is read and copied", act: () => copyFileSync(service.database, join(folder, "backup")) },
    { name: "is touched", act: () => utimesSync(service.database, new Date(), new Date()) },
    {
      name: "takes in its write-ahead log",
      act: () => {
        const db = openToChange(service.database);
        db.exec("PRAGMA wal_checkpoint(PASSIVE)");
        db.close();
      },
    },
  ];
  it.each(harmless)("$name stays ready, which the tests below would not have to notice", async ({ act }) => {
    act();
    const end = performance.now() + 3_000;
    while (performance.now() < end) {
      expect(await ready()).toBe(200);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect((await ask())?.status).toBe(201);
    expect(logged.filter((line) => /"level":"(error|fatal)"/.test(line))).toEqual([]);
  });

  const harmful: readonly { readonly name: string; readonly act: () => void; readonly says: RegExp }[] = [
    { name: "is deleted", act: () => rmSync(service.database), says: /lockkeeper\.db was removed/ },
    {
      name: "is moved away with its folder",
      act: () => renameSync(dirname(service.database), join(folder, "away")),
      says: /lockkeeper\.db was removed/,
    },
    {
      name: "is replaced by an older copy",
      act: () => {
        copyFileSync(older(), join(folder, "new.db"));
        renameSync(join(folder, "new.db"), service.database);
      },
      says: /lockkeeper\.db was replaced/,
    },
    {
      name: "is replaced by an empty one",
      act: () => {
        rmSync(service.database);
        writeFileSync(service.database, "");
      },
      says: /lockkeeper\.db was replaced/,
    },
    {
      name: "is overwritten in place by an older copy",
      act: () => writeFileSync(service.database, readFileSync(older())),
      says: /SQLite cannot read it|rolled back/,
    },
    {
      name: "is emptied in place",
      act: () => truncateSync(service.database),
      says: /SQLite cannot read it/,
    },
    {
      name: "loses its write-ahead log",
      act: () => rmSync(`${service.database}-wal`),
      says: /lockkeeper\.db-wal was removed/,
    },
    {
      name: "has its write-ahead log emptied in place",
      act: () => truncateSync(`${service.database}-wal`),
      says: /disk I\/O error|rolled back/,
    },
  ];
  it.each(harmful)(
    "$name is noticed without traffic, stops changes, and can be put back",
    async ({ name, act, says }) => {
      if (gateway.child.exitCode !== null || gateway.child.signalCode !== null) await start();
      await keep();
      expect(await ready()).toBe(200);
      act();
      const begin = performance.now();
      while ((await ready()) === 200 && performance.now() < begin + 2 * NOTICED_MS) {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      const ms = performance.now() - begin;
      // What is wrong is in the service's own log, before anybody asks for a change.
      const told = () => logged.some((line) => says.test(line) && /"level":"(error|fatal)"/.test(line));
      while (!told() && performance.now() < begin + NOTICED_MS) await new Promise((resolve) => setTimeout(resolve, 50));
      const said = told();
      const sent = (await receivedUpdates(iam.url)).length;
      const statuses = new Set<number | undefined>();
      for (let count = 0; count < 5; count += 1) statuses.add((await ask())?.status);
      const after = await receivedUpdates(iam.url);
      await stopped(gateway.child);
      putBack();
      const { acknowledged, lost, unexplained, fault } = await tally.judge(service, after);
      report({
        fault: `database that ${name}`,
        runs: 1,
        acknowledged,
        lost: lost.length,
        unexplained: unexplained.length,
        control: `noticed after ${ms.toFixed(0)} ms; left alone, touched, copied: stays ready`,
      });
      expect({ noticed: ms < NOTICED_MS, said, statuses: [...statuses], sent: after.length - sent }).toEqual({
        noticed: true,
        said: true,
        statuses: [503],
        sent: 0,
      });
      expect({ lost, unexplained, fault }).toEqual({ lost: [], unexplained: [], fault: undefined });
    },
  );
});
