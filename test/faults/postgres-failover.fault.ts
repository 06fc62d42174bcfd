import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { type PostgresServer, startPostgres } from "../fixture/postgres-server.ts";
import { stopAll } from "../fixture/processes.ts";
import type { Service } from "../fixture/service.ts";
import { startCallers, type Told, until } from "./callers.ts";
import { dataDirectory } from "./postgres-processes.ts";
import { askFor, prepareStage, type Running, type Stage } from "./postgres-stage.ts";
import { report } from "./summary.ts";

const CALLERS = 8;

let server: PostgresServer;
let stage: Stage;
let withMemory: Service<"oncall">;
let folder: string;
let data: string;
const memory = () => join(folder, "newest-checkpoint");

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "lockkeeper-failover-"));
  server = await startPostgres();
  stage = await prepareStage({ server, users: CALLERS });
  withMemory = await stage.beside({ audit: { outside: { file: memory(), intervalMs: 100 } } });
  data = await dataDirectory(stage.log);
});
afterEach(async () => {
  await stopAll();
  withMemory.remove();
  stage.remove();
  await server.remove();
  rmSync(folder, { recursive: true, force: true });
});
afterAll(stopAll);

describe("PostgreSQL that comes back from a copy of itself", () => {
  it("which is an older one, takes no change from any gateway that knows better, and IAM gets none", async () => {
    const [first, second, third] = [await listened(stage), await listened(stage), await listened(withMemory)];
    const gateways = [first, second, third];
    const earlier = await changes(gateways);

    // A copy of this very moment: nobody minds.
    await goOnWith(await copied());
    for (const { url } of gateways) await until("it is ready again", () => isReady(url));
    const later = await changes(gateways);
    const unharmed = await stage.judge([...earlier.told, ...later.told]);
    expect(unharmed).toMatchObject({ lost: [], unexplained: [], repeated: 0 });

    const older = await copied();
    await server.start();
    for (const { url } of gateways) await until("it is ready again", () => isReady(url));
    const tail = await changes(gateways);
    const newest = Math.max(...tail.told.map(({ index }) => index));
    await until("the memory outside knows them", () => remembered() > newest);
    const updates = stage.updates().length;
    await server.stop();
    await goOnWith(older);

    for (const { url, said } of [first, second]) {
      await until("it says so", () => /rolled back|exchanged for another/.test(said()));
      const answer = await askFor(url, stage.key, 1);
      expect(answer).toMatchObject({ status: 503, json: { type: "urn:lockkeeper:problem:audit-unavailable" } });
      expect((await fetch(`${url}/readyz`)).status).toBe(503);
      expect((await fetch(`${url}/livez`)).status).toBe(200);
    }
    // The one with a memory outside does not stay: whoever watches over it starts another one, which is refused.
    await until("it ends", () => third.child.exitCode !== null);
    expect(third.child.exitCode).toBe(1);
    expect(third.said()).toMatch(/The audit log was rolled back or replaced: the .* remembers/);
    const refused = /ended with 1: .*The audit log was rolled back or replaced: the .* remembers/s;
    await expect(withMemory.start()).rejects.toThrow(refused);

    const seen = await stage.judge([...earlier.told, ...later.told, ...tail.told]);
    const fault = await stage.verify([...earlier.proofs, ...later.proofs, ...tail.proofs]);
    report({
      fault: "failover of PostgreSQL to an older copy, under 3 gateways",
      runs: 1,
      acknowledged: earlier.told.length + later.told.length,
      lost: unharmed.lost.length,
      unexplained: unharmed.unexplained.length,
      control: `the ${seen.lost.length} that the older copy has lost were seen by the gateways, and by verify with receipts (${fault?.split(":")[0]}); a copy that is not older was gone on with`,
    });
    console.log(
      `an older copy: ${seen.lost.length} of ${tail.told.length} acknowledged after it are not there; ${fault}`,
    );
    expect(seen.lost.length).toBe(tail.told.length);
    expect(fault).toMatch(/^outside-differs/);
    expect(stage.updates().length).toBe(updates);
    expect(await stage.verify([...earlier.proofs, ...later.proofs])).toBeUndefined();

    // Somebody who does not know goes on with it. Those who do stay away from the fork.
    const ignorant = await listened(stage);
    expect((await askFor(ignorant.url, stage.key, 1))?.status).toBe(201);
    for (let more = 0; more < tail.told.length; more += 1) await askFor(ignorant.url, stage.key, 1);
    for (const { url } of [first, second]) expect((await askFor(url, stage.key, 1))?.status).toBe(503);
    await expect(withMemory.start()).rejects.toThrow(refused);
  });
});

/** Records in the tree whose checkpoint the memory outside has (c2sp.org/tlog-checkpoint: the second line). */
function remembered(): number {
  return Number(readFileSync(memory(), "utf8").split("\n")[1]);
}

/** Stops the server and copies its data. */
async function copied(): Promise<string> {
  await server.stop();
  const copy = `${data}-copy`;
  // With its owner and its rights.
  const { status } = spawnSync("cp", ["-a", data, copy]);
  expect(status).toBe(0);
  return copy;
}

/** Puts a copy in the place of the data of the server, which is stopped, and starts it. */
async function goOnWith(copy: string): Promise<void> {
  rmSync(data, { recursive: true });
  renameSync(copy, data);
  await server.start();
}

type Listened = Running & { said(): string };

/** Starts a gateway and keeps what it logs. */
async function listened(service: Service<"oncall">): Promise<Listened> {
  const running = await service.start();
  let said = "";
  running.child.stdout?.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  return { ...running, said: () => said };
}

/** A few changes by each gateway, the last of them acknowledged. */
async function changes(gateways: readonly Running[]): Promise<{ told: readonly Told[]; proofs: readonly string[] }> {
  const callers = startCallers({ count: CALLERS, key: stage.key, urls: () => gateways.map(({ url }) => url) });
  await until("each has acknowledged some", () => gateways.every(({ url }) => callers.toldBy(url) > CALLERS));
  await callers.stop();
  return { told: callers.told, proofs: callers.proofs() };
}

async function isReady(url: string): Promise<boolean> {
  return (await fetch(`${url}/readyz`)).status === 200;
}
