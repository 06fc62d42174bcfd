import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { type SandboxIam, startSandboxIam } from "../../../src/sandbox/iam/server.ts";
import { stopped } from "../../faults/gate.ts";
import { postgresDatabase } from "../../fixture/postgres.ts";
import { stopAll } from "../../fixture/processes.ts";
import { sendRaw } from "../../fixture/raw-http.ts";
import { awsIam } from "./client-process.ts";
import { accessKey, switchOff, switchOn } from "./lines.ts";
import { type Production, prepareProduction } from "./production.ts";
import { startRecorder } from "./recorder.ts";

const { python, cliV2 } = inject("awsClients");
const clients = Object.entries({ "AWS CLI v1": python?.cliV1, "AWS CLI v2": cliV2 }).flatMap(([name, command]) =>
  command === undefined ? [] : [{ name, command }],
);
const done = { code: 0, stdout: "", stderr: "" };

let iam: SandboxIam;
beforeEach(async () => {
  iam = await startSandboxIam();
});
afterEach(async () => {
  await stopAll();
  await iam.close();
});

const updates = () => iam.journal.entries().map(({ status }) => status);
const status = () => iam.world.accessKeyOwner(accessKey)?.credentials["access-key"].get(accessKey)?.status;

/** Switches the key on, and returns the bytes that did it. */
async function captureOn(production: Production, url: string, command: readonly string[]): Promise<Buffer> {
  const recorder = await startRecorder(url);
  expect(await awsIam(command, switchOn, production.door(recorder.url, "/aws/ticket/SEC-123"))).toEqual(done);
  recorder.close();
  return recorder.recorded();
}

/** Sends captured bytes, and returns what came back. */
async function sendAgain(bytes: Buffer, url: string) {
  const [reply] = await sendRaw(Number(new URL(url).port), bytes);
  return { status: reply?.status, code: /<Code>(.*)<\/Code>/.exec(reply?.text ?? "")?.[1] };
}

const refused = { status: 400, code: "Throttling" };

describe.skipIf(clients.length === 0).each(clients)(
  "a captured request of $name that switched a key on",
  ({ command }) => {
    it("changes nothing when it comes again, before and after a restart", async () => {
      const production = await prepareProduction(iam.url);
      let gateway = await production.start();
      const bytes = await captureOn(production, gateway.url, command);
      expect(await sendAgain(bytes, gateway.url)).toEqual({ status: 200, code: undefined });
      expect(updates()).toEqual(["Active"]);

      expect(await awsIam(command, switchOff, production.door(gateway.url))).toEqual(done);
      expect(await sendAgain(bytes, gateway.url)).toEqual(refused);
      await stopped(gateway.child);
      gateway = await production.start();
      expect(await sendAgain(bytes, gateway.url)).toEqual(refused);
      gateway.child.kill("SIGKILL");
      gateway = await production.start();
      expect(await sendAgain(bytes, gateway.url)).toEqual(refused);
      expect(updates()).toEqual(["Active", "Inactive"]);
      expect(status()).toBe("Inactive");

      // Signed anew it is another request, so the updates that were not there would have been seen.
      await captureOn(production, gateway.url, command);
      expect(updates()).toEqual(["Active", "Inactive", "Active"]);
      production.remove();
    });
  },
);

describe.skipIf(clients.length === 0)("of two gateways on one log", () => {
  let database: Awaited<ReturnType<typeof postgresDatabase>>;
  beforeAll(async () => {
    database = await postgresDatabase();
  });
  afterAll(() => database.drop());

  it("one knows what the other was sent", async () => {
    const production = await prepareProduction(iam.url, { postgres: { ...database.address, schema: "lockkeeper" } });
    const [one, other] = await Promise.all([production.start(), production.start()]);
    const command = clients[0]?.command ?? [];
    const bytes = await captureOn(production, one.url, command);
    expect(await sendAgain(bytes, other.url)).toEqual({ status: 200, code: undefined });
    expect(updates()).toEqual(["Active"]);
    expect(await awsIam(command, switchOff, production.door(one.url))).toEqual(done);
    for (const { url } of [other, one]) expect(await sendAgain(bytes, url)).toEqual(refused);
    expect(updates()).toEqual(["Active", "Inactive"]);
    expect(status()).toBe("Inactive");
    await captureOn(production, other.url, command);
    expect(updates()).toEqual(["Active", "Inactive", "Active"]);
    production.remove();
  });
});
