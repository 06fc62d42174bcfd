import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { extraUser } from "../../src/sandbox/iam/seed.ts";
import { startProgram, stopAll } from "../fixture/processes.ts";
import { prepareService } from "../fixture/service.ts";
import { change, main, recordedSteps } from "./gate.ts";

const KILLS = Number(process.env["LOCKKEEPER_KILLS"] ?? 200);
const CALLERS = 64;

afterAll(stopAll);

it(`kill -9 of the gateway, ${KILLS} times under ${CALLERS} callers, loses nothing and blocks nothing`, async () => {
  const folder = mkdtempSync(join(tmpdir(), "lockkeeper-kill-"));
  const journalFile = join(folder, "iam.jsonl");
  // IAM lives on while the gateway dies.
  const iam = await startProgram([main, "sandbox-iam", "--extra-users", String(CALLERS), "--journal", journalFile]);
  const service = await prepareService({
    main,
    iamUrl: iam.url,
    roles: { oncall: "oncall" },
    settings: {
      iam: { account: "123456789012", endpoint: iam.url, stsEndpoint: iam.url, deadlineMs: 1000 },
      reconcile: { intervalMs: 200, graceMs: 0, giveUpMs: 60_000 },
      limits: { changes: { perMinute: 10_000_000 } },
    },
  });

  let url = "";
  let over = false;
  const acknowledged = new Map<string, number>();
  const ended = new Map<number, number>();
  const callers = Array.from({ length: CALLERS }, async (_, index) => {
    const { userName, accessKeyId } = extraUser(index + 1);
    const credential = { type: "access-key", id: accessKeyId, userName };
    for (let turn = 0; !over; turn += 1) {
      const status = turn % 2 === 0 ? "Inactive" : "Active";
      const answer = await change(url, service.keys.oncall, { credential, status, ticket: "SEC-1" });
      if (answer === null) await new Promise((resolve) => setTimeout(resolve, 20));
      else ended.set(answer.status, (ended.get(answer.status) ?? 0) + 1);
      if (answer?.status === 201) acknowledged.set(String(answer.json["id"]), index);
    }
  });

  for (let kill = 0; kill < KILLS; kill += 1) {
    const gateway = await service.start();
    url = gateway.url;
    const dead = new Promise((resolve) => gateway.child.once("exit", resolve));
    // At another moment each time; every fourth right after the start, the others not before a change was acknowledged.
    const before = acknowledged.size;
    let waits = 0;
    do {
      waits += 1;
      expect(waits, `no change was acknowledged; answers ${JSON.stringify([...ended])}`).toBeLessThan(1000);
      await new Promise((resolve) => setTimeout(resolve, 10 + ((kill * 37) % 300)));
    } while (kill % 4 !== 0 && acknowledged.size === before);
    gateway.child.kill("SIGKILL");
    await dead;
  }
  const last = await service.start();
  url = last.url;
  over = true;
  await Promise.all(callers);

  const steps = recordedSteps(service.database);
  const updates = readFileSync(journalFile, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const lost = [...acknowledged.keys()].filter((id) => {
    const [intent, outcome] = steps.get(id) ?? [];
    return intent !== "credential.status.intent" || outcome !== "credential.status.outcome";
  });
  const unexplained = updates.filter(({ changeId }) => !steps.get(changeId)?.includes("credential.status.intent"));
  console.log(
    `${KILLS} kills: ${acknowledged.size} acknowledged, ${lost.length} lost; ${updates.length} updates, ${unexplained.length} unexplained; answers ${JSON.stringify([...ended])}`,
  );
  expect(acknowledged.size).toBeGreaterThan(KILLS);
  expect(lost).toEqual([]);
  expect(unexplained).toEqual([]);

  // Whatever the last kill left open is settled by reading back; then every credential takes a change, in either direction.
  for (let index = 0; index < CALLERS; index += 1) {
    const { userName, accessKeyId } = extraUser(index + 1);
    const body = { credential: { type: "access-key", id: accessKeyId, userName }, status: "Active", ticket: "SEC-1" };
    let answer = await change(url, service.keys.oncall, body);
    for (let tries = 0; answer?.status === 409 && tries < 100; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      answer = await change(url, service.keys.oncall, body);
    }
    expect(answer?.status).toBe(201);
  }
  for (const [id, codes] of recordedSteps(service.database)) {
    if (codes[0] === "credential.status.intent") expect([id, codes.length]).not.toEqual([id, 1]);
  }
  service.remove();
  rmSync(folder, { recursive: true });
});
