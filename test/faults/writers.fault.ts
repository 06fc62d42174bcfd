import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { openSqliteReader } from "../../src/audit/sqlite/reader.ts";
import { openSqliteStore } from "../../src/audit/sqlite/store.ts";
import { openJournal } from "../../src/audit/store-journal.ts";
import { proofText } from "../../src/tlog/tlog-proof.ts";
import { aChange, aDenial } from "../fixture/changes.ts";
import { testLogKeys } from "../fixture/log-keys.ts";
import { startProgram, stopAll } from "../fixture/processes.ts";
import { prepareService } from "../fixture/service.ts";
import { change, leafHashes, loadCredential, main, receivedUpdates, verifiedLog } from "./gate.ts";
import { report } from "./summary.ts";
import { Tally } from "./tally.ts";

const CALLERS = 16;
const COMMANDS = 8;

afterAll(stopAll);

it("a second gateway on a log is refused, and key commands beside the first write into its order", async () => {
  const iam = await startProgram([main, "sandbox-iam", "--extra-users", String(CALLERS)]);
  const service = await prepareService({
    main,
    iamUrl: iam.url,
    roles: { oncall: "oncall" },
    settings: { limits: { changes: { perMinute: 10_000_000 } } },
  });
  const gateway = await service.start();
  const tally = new Tally();
  let over = false;
  const callers = Array.from({ length: CALLERS }, async (_, index) => {
    for (let turn = 0; !over; turn += 1) {
      const body = {
        credential: loadCredential(index + 1),
        status: turn % 2 === 0 ? "Inactive" : "Active",
        ticket: "SEC-1",
      };
      tally.take(await change(gateway.url, service.keys.oncall, body));
    }
  });

  await expect(service.start()).rejects.toThrow(/Another Lockkeeper already works on/);
  const command = async (name: string) => {
    const args = ["keys", "create", "--principal", name, "--kind", "service", "--config", service.config];
    const child = spawn(process.execPath, [main, ...args], { stdio: "ignore" });
    return (await once(child, "exit"))[0];
  };
  for (let n = 0; n < COMMANDS; n += 2) {
    expect(await Promise.all([command(`bot-${n}`), command(`bot-${n + 1}`)])).toEqual([0, 0]);
  }
  expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200);
  over = true;
  await Promise.all(callers);

  const { acknowledged, lost, unexplained, open, fault } = await tally.judge(service, await receivedUpdates(iam.url));
  const control = await fork();
  report({
    fault: `two writers on a file (${COMMANDS} commands beside a gateway)`,
    runs: COMMANDS + 1,
    acknowledged,
    lost: lost.length,
    unexplained: unexplained.length,
    control: `two writers on copies: ${control?.split(":")[0]}`,
  });
  expect(Object.keys(tally.answers)).toEqual(["201"]);
  expect(acknowledged).toBeGreaterThan(CALLERS);
  expect({ lost, unexplained, open, fault }).toEqual({ lost: [], unexplained: [], open: [], fault: undefined });
  expect(control).toMatch(/^outside-differs: /);
  service.remove();
});

/** What two writers make of a log that do not know of each other: a fork, which the receipts of both do not fit. */
async function fork(): Promise<string | undefined> {
  const folder = mkdtempSync(join(tmpdir(), "lockkeeper-fork-"));
  const files = [join(folder, "one.db"), join(folder, "other.db")] as const;
  const receipts: string[] = [];
  const deny = async (file: string) => {
    const store = await openSqliteStore(file, { exclusive: false, owner: "123456789012", keys: testLogKeys });
    const journal = openJournal(store, { deadlineMs: 10_000, maxQueue: 100 });
    receipts.push(proofText((await journal.deny(aDenial(aChange()))).proof));
    await journal.close();
  };
  await deny(files[0]);
  copyFileSync(files[0], files[1]);
  for (const file of files) await deny(file);
  const sizes = files.map((file) => leafHashes(file).length);
  expect(sizes).toEqual([2, 2]);
  const fault = await verifiedLog(openSqliteReader(files[0]), testLogKeys.trustedKeys, receipts);
  rmSync(folder, { recursive: true });
  return fault;
}
