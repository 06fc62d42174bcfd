import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { openPostgresStore } from "../../src/audit/postgres/store.ts";
import { extraUser } from "../../src/sandbox/iam/seed.ts";
import { testLogKeys } from "../fixture/log-keys.ts";
import { newSchema } from "../fixture/postgres.ts";
import { type PostgresServer, type ServerSettings, startPostgres } from "../fixture/postgres-server.ts";
import { stopAll } from "../fixture/processes.ts";
import { pause, startCallers, until } from "./callers.ts";
import { ANSWER_BYTES, type Cut, cutProxy, REQUEST_BYTES } from "./cut-proxy.ts";
import { dataDirectory, restart, suspend } from "./postgres-processes.ts";
import { askFor, blocked, type Judgement, killed, prepareStage, type Running, type Stage } from "./postgres-stage.ts";
import { seededRandom } from "./random.ts";
import { report } from "./summary.ts";

const KILLS = Number(process.env["LOCKKEEPER_SERVER_KILLS"] ?? 10);
const HANGS_MS = (process.env["LOCKKEEPER_HANGS_MS"] ?? "4000,18000").split(",").map(Number);
const CALLERS = 16;
const DEADLINE_MS = 1_000;
/** On a machine that has other things to do. */
const SLACK_MS = 1_500;

let server: PostgresServer;
const left: (() => Promise<void>)[] = [];

beforeEach(async () => {
  server = await startPostgres();
});
afterEach(async () => {
  for (const end of left.splice(0).reverse()) await end();
  await stopAll();
  await server.remove();
});
afterAll(stopAll);

describe("PostgreSQL under two gateways", () => {
  it(`killed ${KILLS} times under ${CALLERS} callers, loses nothing that was acknowledged; no update is without its intent`, async () => {
    // A server that is told to acknowledge before it has written, and writes nothing in the background but what other
    // commits take along: the gateways must not let it, and their double does.
    const settings = { synchronous_commit: "off", wal_writer_delay: "10s", wal_writer_flush_after: "1GB" };
    await server.stop();
    await server.start(settings);
    const seen = await killServer({ kills: KILLS, settings });
    console.log(
      `${KILLS} kills of the server: ${seen.told} acknowledged, ${seen.lost.length} lost; ${seen.unexplained.length} unexplained; answers ${seen.answers}`,
    );
    const caught = await killServer({ kills: 1, program: "async-commit.ts", settings });
    report({
      fault: `kill -9 of PostgreSQL under 2 gateways, ${CALLERS} callers`,
      runs: KILLS,
      acknowledged: seen.told,
      lost: seen.lost.length,
      unexplained: seen.unexplained.length,
      control: `synchronous_commit=off lost ${caught.lost.length} of ${caught.told}, ${caught.unexplained.length} unexplained, in 1 kill`,
    });
    expect(seen).toMatchObject({ lost: [], unexplained: [], repeated: 0, open: [], twice: [], stuck: 0 });
    expect(seen.fault).toBeUndefined();
    // It was felt each time.
    expect(seen.unavailable).toHaveLength(KILLS);
    expect(Math.min(...seen.unavailable)).toBeGreaterThan(0);
    expect(caught.lost.length).toBeGreaterThan(0);
    expect(caught.fault).toMatch(/^outside-differs/);
  });

  it("hung, gets changes refused within their deadline, and is used again when it goes on", async () => {
    const stage = await staged({ users: CALLERS + 3 });
    const gateway = await stage.start();
    const folder = await dataDirectory(stage.log);
    const firstUser = 4;
    const seen: Judgement[] = [];
    let told = 0;
    for (const hangMs of HANGS_MS) {
      expect((await askFor(gateway.url, stage.key, 1))?.status).toBe(201);
      // In the middle of their commits.
      const callers = startCallers({ count: CALLERS, key: stage.key, urls: () => [gateway.url], firstUser });
      await until("something was acknowledged", () => callers.told.length > CALLERS);
      const goOn = suspend(folder);
      try {
        const end = performance.now() + hangMs;
        expect(await answers(stage)).toBe(false);
        const stopped = callers.stop();
        // Those that had their intents before get their answers from IAM.
        await pause(2 * DEADLINE_MS);
        const before = stage.updates().length;
        const slowest = await slowestProbe(gateway.url, end);
        const refused = await timed(() => askFor(gateway.url, stage.key, 2));
        expect(refused.answer?.status).toBe(503);
        expect(refused.ms).toBeLessThan(DEADLINE_MS + SLACK_MS);
        expect((await fetch(`${gateway.url}/readyz`)).status).toBe(503);
        expect(slowest).toBeLessThan(SLACK_MS);
        expect(stage.updates().length).toBe(before);
        await stopped;
      } finally {
        goOn();
      }
      await until("it is ready again", async () => (await fetch(`${gateway.url}/readyz`)).status === 200);
      expect((await askFor(gateway.url, stage.key, 3))?.status).toBe(201);
      await stage.settled();
      seen.push(await stage.judge(callers.told));
      told += callers.told.length;
      expect(callers.answers.get(503)).toBeGreaterThan(0);
      expect(await stage.verify(callers.proofs())).toBeUndefined();
    }
    report({
      fault: "PostgreSQL hung (SIGSTOP)",
      runs: HANGS_MS.length,
      acknowledged: told,
      lost: seen.flatMap(({ lost }) => lost).length,
      unexplained: seen.flatMap(({ unexplained }) => unexplained).length,
      control: "asked directly it did not answer either; before and after, the same changes were made",
    });
    for (const one of seen) {
      expect(one).toMatchObject({ lost: [], unexplained: [], repeated: 0, open: [], twice: [] });
    }
  });

  it("that does not sync is refused", async () => {
    const stage = await staged({ users: 1 });
    for (const name of ["fsync", "full_page_writes"]) {
      await server.stop();
      await server.start({ [name]: "off" });
      await expect(stage.start()).rejects.toThrow(/ended with 1/);
      const opened = openPostgresStore({ ...stage.log.address, schema: newSchema(), owner: "x", keys: testLogKeys });
      await expect(opened).rejects.toThrow(`${name} is off there: a power cut could take acknowledged records`);
    }
  });
});

describe("a connection to PostgreSQL that is cut", () => {
  const everyByte: Cut[] = ["request", "answer"].flatMap((place) =>
    Array.from({ length: place === "request" ? REQUEST_BYTES : ANSWER_BYTES }, (_, after) =>
      [0, 1].map((skip) => ({ in: place as Cut["in"], after, skip })),
    ).flat(),
  );

  it("after any byte of a COMMIT or of its answer, leaves exactly one record of each step of a change", async () => {
    const seen = await cutAt(everyByte);
    // Only of some: a gateway that is wrong leaves credentials blocked, and these have to be waited for.
    const double = await cutAt(
      everyByte.filter(({ in: place, after, skip }) => place === "answer" && after < 3 && skip === 0),
      "unanswered-is-unwritten.ts",
    );
    console.log(`${everyByte.length} cuts: ${JSON.stringify(seen.ways)}; the double: ${JSON.stringify(double.ways)}`);
    report({
      fault: "connection to PostgreSQL cut after each byte of COMMIT and of its answer",
      runs: seen.cuts,
      acknowledged: seen.told,
      lost: seen.judgement.lost.length,
      unexplained: seen.judgement.unexplained.length,
      control: `taking no answer for no commit: ${double.wrong.length} of ${double.cuts} changes without exactly one record of each step`,
    });
    expect(seen.cuts).toBe(everyByte.length);
    expect(seen.wrong).toEqual([]);
    expect(seen.judgement).toMatchObject({ lost: [], unexplained: [], repeated: 0, open: [], twice: [] });
    expect(seen.fault).toBeUndefined();
    expect(double.wrong.length).toBeGreaterThan(0);
  });
});

interface Killing {
  readonly kills: number;
  readonly program?: string;
  readonly settings?: ServerSettings;
}

async function killServer({ kills, program, settings }: Killing) {
  const stage = await staged({ users: CALLERS, updateMs: 30, ...(program && { program: variant(program) }) });
  const gateways = [await stage.start(), await stage.start()];
  const urls = () => gateways.map(({ url }) => url);
  const callers = startCallers({ count: CALLERS, key: stage.key, urls });
  const random = seededRandom(kills);
  const unavailable: number[] = [];
  for (let kill = 0; kill < kills; kill += 1) {
    const before = callers.told.length;
    await until("something was acknowledged", () => callers.told.length > before + 4 * CALLERS);
    await pause(300 * random());
    const refused = callers.answers.get(503) ?? 0;
    await server.kill();
    await pause(500 * random());
    await restart(server, settings);
    unavailable.push((callers.answers.get(503) ?? 0) - refused);
  }
  const isRight = program === undefined;
  const before = callers.told.length;
  if (isRight) await until("something is acknowledged again", () => callers.told.length > before + CALLERS);
  await callers.stop();
  if (isRight) await stage.settled();
  const stuck = isRight ? await blocked(urls()[0] ?? "", stage.key, CALLERS) : 0;
  // Their commits would take along those of whoever comes next.
  await Promise.all(gateways.map(({ child }) => killed(child)));
  return {
    ...(await stage.judge(callers.told)),
    stuck,
    told: callers.told.length,
    unavailable,
    answers: JSON.stringify([...callers.answers]),
    fault: await stage.verify(callers.proofs()),
  };
}

/** Cuts the connection of a gateway once for each change, and asks again with the same key when it is told to. */
async function cutAt(
  cuts: readonly Cut[],
  program?: string,
): Promise<{
  readonly told: number;
  readonly cuts: number;
  readonly ways: Readonly<Record<string, number>>;
  /** Changes that left other records than one intent and one outcome, or another number of updates than one. */
  readonly wrong: readonly unknown[];
  readonly judgement: Judgement;
  readonly fault: string | undefined;
}> {
  const proxy = await cutProxy(server);
  left.push(() => proxy.close());
  const stage = await staged({
    users: cuts.length,
    port: proxy.port,
    // Nobody else commits meanwhile.
    settings: { reconcile: { intervalMs: 3_600_000, graceMs: 0 } },
    ...(program && { program: variant(program) }),
  });
  const gateway = await stage.start();
  const ways: Record<string, number> = {};
  const told: Parameters<Stage["judge"]>[0][number][] = [];
  const proofs: string[] = [];
  const wrong: unknown[] = [];
  for (const [number, cut] of cuts.entries()) {
    const ask = keyed(gateway, stage.key, number + 1);
    const before = stage.updates().length;
    proxy.arm(cut);
    let reply = await ask();
    const statuses = [reply.status];
    for (const end = performance.now() + 5_000; reply.status !== 201 && performance.now() < end; ) {
      await pause(50);
      reply = await ask();
      if (statuses.at(-1) !== reply.status) statuses.push(reply.status);
    }
    const way = `${cut.in} of the ${cut.skip === 0 ? "intent" : "outcome"}: ${statuses.join(", ")}`;
    ways[way] = (ways[way] ?? 0) + 1;
    const { userName, accessKeyId } = extraUser(number + 1);
    const rows = await stage.log.admin(
      `SELECT code FROM ${stage.schema}.records WHERE correlation IN
        (SELECT id FROM ${stage.schema}.changes WHERE credential_id = $1) ORDER BY idx`,
      [accessKeyId],
    );
    const codes = rows.map(({ code }) => String(code).replace("credential.status.", "")).join(", ");
    const sent = stage.updates().length - before;
    if (codes !== "intent, outcome" || sent !== 1 || reply.status !== 201) {
      wrong.push({ ...cut, userName, codes, sent, statuses });
    }
    if (reply.status === 201 && reply.receipt !== undefined) {
      const { proof, ...place } = reply.receipt;
      told.push({ change: reply.id, code: "credential.status.outcome", ...place });
      if (typeof proof === "string") proofs.push(proof);
    }
  }
  const judgement = await stage.judge(told);
  const fault = await stage.verify(proofs);
  await killed(gateway.child);
  return { told: told.length, cuts: proxy.cuts(), ways, wrong, judgement, fault };
}

interface KeyedReply {
  readonly status: number;
  readonly id: string;
  readonly receipt?: { readonly index: number; readonly leafHash: string; readonly proof?: string | null };
}

/** Asks for the same change with the same Idempotency-Key each time. */
function keyed({ url }: Running, key: string, user: number): () => Promise<KeyedReply> {
  const { userName, accessKeyId } = extraUser(user);
  const headers = {
    authorization: `Bearer ${key}`,
    "content-type": "application/json",
    "idempotency-key": randomUUID(),
  };
  const body = JSON.stringify({
    credential: { type: "access-key", id: accessKeyId, userName },
    status: "Inactive",
    ticket: "SEC-1",
  });
  return async () => {
    const reply = await fetch(`${url}/v1/status-changes`, { method: "POST", headers, body });
    const { id, receipt } = (await reply.json()) as KeyedReply;
    return { status: reply.status, id, ...(receipt && { receipt }) };
  };
}

async function staged(options: Omit<Parameters<typeof prepareStage>[0], "server">): Promise<Stage> {
  const settings = { audit: { deadlineMs: DEADLINE_MS }, ...options.settings };
  const stage = await prepareStage({ ...options, settings, server });
  left.push(async () => stage.remove());
  return stage;
}

/** Whether the server answers a client of its own within two seconds. */
async function answers({ log: { server, address } }: Stage): Promise<boolean> {
  const client = new pg.Client({
    ...{ host: server.host, port: server.port, user: "postgres", password: server.password, ssl: false },
    database: new URL(address.url).pathname.slice(1),
    connectionTimeoutMillis: 2_000,
  });
  client.on("error", () => {});
  try {
    await client.connect();
    await client.end();
    return true;
  } catch {
    return false;
  }
}

/** Asks whether the process lives until a moment is over. @returns milliseconds of the slowest answer */
async function slowestProbe(url: string, end: number): Promise<number> {
  let slowest = 0;
  while (performance.now() < end) {
    const { ms, answer } = await timed(() => fetch(`${url}/livez`));
    expect(answer.status).toBe(200);
    slowest = Math.max(slowest, ms);
    await pause(100);
  }
  return slowest;
}

async function timed<T>(ask: () => Promise<T>): Promise<{ readonly answer: T; readonly ms: number }> {
  const begin = performance.now();
  const answer = await ask();
  return { answer, ms: performance.now() - begin };
}

function variant(name: string): string {
  return fileURLToPath(new URL(`./programs/${name}`, import.meta.url));
}
