import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { startProgram, stopAll } from "../fixture/processes.ts";
import { prepareService } from "../fixture/service.ts";
import { change, main, receivedUpdates, stopped } from "./gate.ts";
import { report } from "./summary.ts";
import { Tally } from "./tally.ts";

const off = {
  credential: { type: "signing-certificate", id: "TA7SMP42TDN5Z26OBPJE7EXAMPLE", userName: "Bob" },
  status: "Inactive",
};

afterAll(stopAll);

it("a data folder from a backup is refused by what is remembered outside, also when it has grown again", async () => {
  const folder = mkdtempSync(join(tmpdir(), "lockkeeper-rollback-"));
  const iam = await startProgram([main, "sandbox-iam"]);
  const outside = { outside: { file: join(folder, "checkpoint"), intervalMs: 100 } };
  const service = await prepareService({
    main,
    iamUrl: iam.url,
    roles: { oncall: "oncall" },
    settings: { audit: outside },
  });
  const data = dirname(service.database);
  const tally = new Tally();
  const runWith = async (changes: number) => {
    const { child, url } = await service.start();
    for (let count = 0; count < changes; count += 1) tally.take(await change(url, service.keys.oncall, off));
    await stopped(child);
  };
  /** The same service, with or without its memory. */
  const remember = (remembers: boolean) => {
    const config = JSON.parse(readFileSync(service.config, "utf8"));
    const { outside: _, ...audit } = config.audit;
    writeFileSync(service.config, JSON.stringify({ ...config, audit: { ...audit, ...(remembers && outside) } }));
  };

  await runWith(3);
  cpSync(data, join(folder, "backup"), { recursive: true });
  await runWith(3);
  // Nothing has happened to it: it starts.
  await runWith(1);
  expect(tally.answers).toEqual({ 201: 7 });

  rmSync(data, { recursive: true });
  cpSync(join(folder, "backup"), data, { recursive: true });
  const refusals = [];
  refusals.push(await service.start().then(() => "it started", String));
  const seen = await tally.judge(service, await receivedUpdates(iam.url));

  // Without a memory nobody is there who knows: it starts, and writes another history.
  remember(false);
  await runWith(6);
  const answered = tally.answers["201"];
  remember(true);
  refusals.push(await service.start().then(() => "it started", String));

  report({
    fault: "data folder restored from a backup",
    runs: 2,
    acknowledged: seen.acknowledged,
    lost: 0,
    unexplained: 0,
    control: `without outside memory it starts; its receipts tell of ${seen.lost.length} lost: ${seen.fault?.split(":")[0]}`,
  });
  expect(refusals[0]).toMatch(/rolled back/);
  expect(refusals[1]).toMatch(/rolled back|another|different/);
  expect(answered).toBe(13);
  expect(seen.lost).toHaveLength(4);
  expect(seen.fault).toMatch(/^outside-differs: /);
  service.remove();
  rmSync(folder, { recursive: true });
});
