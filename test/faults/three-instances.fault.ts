import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openPostgresReader } from "../../src/audit/postgres/reader.ts";
import { verifyLog } from "../../src/audit/verify/verify-log.ts";
import { extraUser } from "../../src/sandbox/iam/seed.ts";
import { postgresDatabase, type TestDatabase } from "../fixture/postgres.ts";
import { type PostgresServer, startPostgres } from "../fixture/postgres-server.ts";
import { startProgram, stopAll } from "../fixture/processes.ts";
import { prepareService, type Service } from "../fixture/service.ts";
import { change, main } from "./gate.ts";

const CHANGES = Number(process.env["LOCKKEEPER_CHANGES"] ?? 10_000);
const CALLERS = 96;
/** Few enough for callers to meet. */
const USERS = 64;
const DEADLINE_MS = 3_000;

let server: PostgresServer;
let database: TestDatabase;
let iam: Awaited<ReturnType<typeof startProgram>>;
let service: Service<"oncall">;
let folder: string;
const updatesFile = () => join(folder, "iam.jsonl");

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "lockkeeper-three-"));
  server = await startPostgres();
  database = await postgresDatabase(server);
  // IAM lives on whatever becomes of the gateways.
  iam = await startProgram([main, "sandbox-iam", "--extra-users", String(USERS + 2), "--journal", updatesFile()]);
  service = await prepareService({
    main,
    iamUrl: iam.url,
    roles: { oncall: "oncall" },
    settings: {
      iam: { account: "123456789012", endpoint: iam.url, stsEndpoint: iam.url, deadlineMs: DEADLINE_MS },
      postgres: { ...database.address, schema: "lockkeeper" },
      audit: { deadlineMs: 10_000 },
      reconcile: { intervalMs: 500, graceMs: 0, giveUpMs: 60_000 },
      limits: { changes: { perMinute: 10_000_000 }, reads: { perMinute: 10_000_000 } },
    },
  });
});
afterAll(async () => {
  await stopAll();
  service.remove();
  await database.drop();
  await server.remove();
  rmSync(folder, { recursive: true, force: true });
});

describe("three gateways on one log in PostgreSQL", () => {
  it(`take ${CHANGES} changes of ${CALLERS} callers, one of them killed half-way: nothing is lost, nothing done twice`, async () => {
    const gateways = await Promise.all([service.start(), service.start(), service.start()]);
    const acknowledged = new Set<string>();
    const answers = new Map<number | "broken", number>();
    let [asked, killed] = [0, false];
    const caller = async () => {
      while (asked < CHANGES) {
        asked += 1;
        const turn = asked;
        if (turn > CHANGES / 2 && !killed) {
          killed = true;
          gateways[0]?.child.kill("SIGKILL");
        }
        const gateway = gateways[turn % gateways.length];
        const status = turn % 3 === 0 ? "Active" : "Inactive";
        const answer = await change(gateway?.url ?? "", service.keys.oncall, {
          credential: credentialOf((turn * 7) % USERS),
          status,
          ticket: "SEC-1",
        });
        const outcome = answer?.status ?? "broken";
        answers.set(outcome, (answers.get(outcome) ?? 0) + 1);
        if (answer?.status === 201) acknowledged.add(String(answer.json["id"]));
      }
    };
    await Promise.all(Array.from({ length: CALLERS }, caller));
    expect(killed).toBe(true);
    await settled();

    const steps = await recordedSteps();
    const updates = sentUpdates();
    const lost = [...acknowledged].filter((id) => steps.get(id)?.at(1) !== "credential.status.outcome");
    const unexplained = updates.filter(({ changeId }) => steps.get(changeId)?.at(0) !== "credential.status.intent");
    const twice = updates.length - new Set(updates.map(({ changeId }) => changeId)).size;
    console.log(
      `${CHANGES} changes, 3 instances, 1 killed: ${acknowledged.size} acknowledged, ${lost.length} lost; ${updates.length} updates, ${unexplained.length} unexplained, ${twice} sent twice; answers ${JSON.stringify([...answers])}`,
    );
    expect(acknowledged.size).toBeGreaterThan(CHANGES / 10);
    expect(lost).toEqual([]);
    expect(unexplained).toEqual([]);
    expect(await overlaps()).toEqual([]);
    await expectOneSoundLog();
    await stopAllGateways(gateways.slice(1));
  });

  it("do not send what another has settled: one is stopped between intent and send, and goes on later", async () => {
    const [first, second] = [await service.start(), await service.start()];
    const stopped = await stopBeforeSend(first, USERS);
    // The other one finds the change overdue, looks, and says so.
    await until(async () => (await recordedSteps()).get(stopped.id)?.includes("credential.status.reconciled") ?? false);
    const overtaking = await change(second.url, service.keys.oncall, {
      credential: credentialOf(USERS),
      status: "Inactive",
      ticket: "SEC-1",
    });
    expect(overtaking?.status).toBe(201);
    first.child.kill("SIGCONT");
    await stopped.answer;
    await until(async () => (await recordedSteps()).get(stopped.id)?.includes("credential.status.outcome") ?? false);
    expect(sentUpdates().filter(({ changeId }) => changeId === stopped.id)).toEqual([]);
    await expectOneSoundLog();
    await stopAllGateways([first, second]);
  });

  it("do send what was stopped there and went on in time: the test above would see an update", async () => {
    const gateway = await service.start();
    const stopped = await stopBeforeSend(gateway, USERS + 1);
    gateway.child.kill("SIGCONT");
    expect((await stopped.answer)?.status).toBe(201);
    expect(sentUpdates().filter(({ changeId }) => changeId === stopped.id)).toHaveLength(1);
    await stopAllGateways([gateway]);
  });
});

type Running = Awaited<ReturnType<Service<"oncall">["start"]>>;

/**
 * Asks for a change whose first look at IAM is slow, and stops the gateway when its intent is in the log: it has not
 * sent the update then, because the look comes before.
 */
async function stopBeforeSend(gateway: Running, user: number) {
  const before = new Set((await recordedSteps()).keys());
  await fetch(`${iam.url}/_sandbox/faults`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ kind: "latency", action: "ListAccessKeys", ms: 600 }),
  });
  const answer = change(gateway.url, service.keys.oncall, {
    credential: credentialOf(user),
    status: "Inactive",
    ticket: "SEC-1",
  });
  let id: string | undefined;
  await until(async () => {
    for (const [change, [code]] of await recordedSteps()) {
      if (code === "credential.status.intent" && !before.has(change)) id = change;
    }
    return id !== undefined;
  }, 5);
  gateway.child.kill("SIGSTOP");
  if (id === undefined) throw new Error("there is no intent");
  return { id, answer };
}

function credentialOf(user: number) {
  const { userName, accessKeyId } = extraUser(user + 1);
  return { type: "access-key", id: accessKeyId, userName };
}

function sentUpdates(): { changeId: string }[] {
  return readFileSync(updatesFile(), "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

/** Event codes of each change's records in the order of the log, asked of the database itself. */
async function recordedSteps(): Promise<Map<string, string[]>> {
  const rows = await database.admin("SELECT correlation, code FROM lockkeeper.records ORDER BY idx");
  const steps = new Map<string, string[]>();
  for (const { correlation, code } of rows) {
    if (!String(code).startsWith("credential.status.")) continue;
    steps.set(String(correlation), [...(steps.get(String(correlation)) ?? []), String(code)]);
  }
  return steps;
}

/** Resolves when every change that was begun has an end. */
async function settled(): Promise<void> {
  await until(async () => (await database.admin("SELECT 1 FROM lockkeeper.inflight LIMIT 1")).length === 0, 250);
}

/** Intents of a credential that another change of it held then, in the order of the log. */
async function overlaps(): Promise<unknown[]> {
  const rows = await database.admin("SELECT idx, correlation, code, body FROM lockkeeper.records ORDER BY idx");
  const held = new Map<string, string>();
  const found: unknown[] = [];
  for (const { idx, correlation, code, body } of rows) {
    const id = String(correlation);
    if (code === "credential.status.intent") {
      const credential = String(JSON.parse(String(body)).resources[0].uid);
      if (held.has(credential)) found.push({ idx, credential, holder: held.get(credential) });
      held.set(credential, id);
    } else if (code === "credential.status.reconciled" || isKnownOutcome(code, body)) {
      for (const [credential, holder] of held) if (holder === id) held.delete(credential);
    }
  }
  return found;
}

function isKnownOutcome(code: unknown, body: unknown): boolean {
  return code === "credential.status.outcome" && JSON.parse(String(body)).unmapped.outcome.name !== "unknown";
}

async function expectOneSoundLog(): Promise<void> {
  const reader = await openPostgresReader({ ...database.address, schema: "lockkeeper" });
  try {
    const verification = await verifyLog(reader, { trustedKeys: [service.verifierKey], now: Date.now() });
    expect(verification.faults).toEqual([]);
    expect(verification.checked.records).toBeGreaterThan(0);
  } finally {
    await reader.close();
  }
}

async function until(holds: () => Promise<boolean>, pauseMs = 100): Promise<void> {
  for (let tries = 0; !(await holds()); tries += 1) {
    if (tries > 2_000) throw new Error("it did not come to that");
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

async function stopAllGateways(gateways: readonly Running[]): Promise<void> {
  await Promise.all(
    gateways.map(({ child }) => {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      return ended;
    }),
  );
}
