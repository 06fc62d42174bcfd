import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { sendUpdate } from "../../src/changes/send.ts";
import { authorizeChange } from "../../src/policy/pep.ts";
import { sandboxAccount } from "../../src/sandbox/iam/seed.ts";
import { startSandboxIam } from "../../src/sandbox/iam/server.ts";
import { aChange, aDecision, time } from "../fixture/changes.ts";
import { TestClock } from "../fixture/clock.ts";
import { iamAt } from "./accounts.ts";
import { certificate, serveTls } from "./tls-server.ts";

const credential = {
  type: "access-key",
  id: "AKIAIOSFODNN7EXAMPLE",
  userName: "Bob",
  account: sandboxAccount,
} as const;
const DEADLINE_MS = 5_000;

const before = getCACertificates("default");
beforeAll(() => setDefaultCACertificates([...before, certificate]));
afterAll(() => setDefaultCACertificates(before));

/** An adapter over TLS whose wire stands still in the handshake until `during` is done. */
async function heldUp(during: () => void | Promise<void>) {
  const clock = new TestClock();
  const server = await serveTls(async () => during());
  const iam = iamAt(server.url, { clock });
  onTestFinished(() => iam.close());
  const update = (timeoutMs = DEADLINE_MS) =>
    iam.update({ changeId: "c", credential, status: "Inactive", notAfter: clock.now() + DEADLINE_MS }, timeoutMs);
  return { clock, server, update };
}

describe("an update whose connection is slow to come about", () => {
  it("is written when it is in time: the control of what follows", async () => {
    const { clock, server, update } = await heldUp(() => clock.advance(DEADLINE_MS - 1));
    expect(await update()).toMatchObject({ kind: "applied" });
    expect(server.requests()).toBe(1);
  });

  it("is not written when its change's deadline passes meanwhile, and provably never was", async () => {
    const { clock, server, update } = await heldUp(() => clock.advance(DEADLINE_MS));
    expect(await update()).toMatchObject({ kind: "not-sent", code: "DeadlinePassed" });
    await wait(50);
    expect(server.requests()).toBe(0);
  });

  it("is not written when its own time runs out meanwhile, whatever the clock on the wall says", async () => {
    let go = () => {};
    const held = new Promise<void>((resolve) => {
      go = resolve;
    });
    const { server, update } = await heldUp(() => held);
    expect(await update(100)).toMatchObject({ kind: "not-sent", code: "DeadlineExceeded" });
    go();
    await wait(50);
    expect(server.requests()).toBe(0);
  });

  it("is not written into a connection that has stood for long either, when its time is over", async () => {
    const { clock, server, update } = await heldUp(() => {});
    expect(await update()).toMatchObject({ kind: "applied" });
    const late = update();
    // What is called is asynchronous: none of it has run by now.
    clock.advance(DEADLINE_MS);
    expect(await late).toMatchObject({ kind: "not-sent", code: "DeadlinePassed" });
    expect(await update()).toMatchObject({ kind: "applied" });
    expect(server.requests()).toBe(2);
  });
});

describe("a change that is stopped between the look at its deadline and the write", () => {
  /** Goes on by more than any deadline after it has been looked at once. */
  class StallingClock extends TestClock {
    stalls = false;
    override now(): number {
      const seen = super.now();
      if (this.stalls) this.advance(60_000);
      this.stalls = false;
      return seen;
    }
  }

  it.each([false, true])("is not sent, though the first look still let it (stalls: %s)", async (stalls) => {
    const clock = new StallingClock();
    const stand = await startSandboxIam();
    const iam = iamAt(stand.url, { clock });
    onTestFinished(async () => {
      iam.close();
      await stand.close();
    });
    const authorization = await authorizeChange(
      {
        pdp: { decide: () => ({ ...aDecision(true), needs: [] }) },
        pip: { lookUp: () => Promise.reject(new Error("looked up")) },
        userLocks: { take: () => Promise.reject(new Error("locked")) },
        journal: { deny: () => Promise.reject(new Error("denied")), note: () => Promise.reject(new Error("noted")) },
        clock,
        time,
        ownUserNames: [],
        validForMs: DEADLINE_MS,
      },
      aChange(),
    );
    if (!authorization.allowed) throw new Error("it was denied");
    clock.stalls = stalls;
    const outcome = await sendUpdate({ iam, clock }, authorization.change);
    const notSent = { name: "failed", how: "not-sent", code: "DeadlinePassed" };
    expect(outcome).toMatchObject(stalls ? notSent : { name: "applied" });
    expect(stand.journal.calls("UpdateSigningCertificate")).toBe(stalls ? 0 : 1);
  });
});

describe("a process that stands still while its update waits for a connection", () => {
  const program = fileURLToPath(new URL("one-update.ts", import.meta.url));

  it.each([
    { stall: "stopped for a moment", timeoutMs: 20_000, stoppedMs: 50, args: [], sends: true },
    { stall: "stopped for longer than it had", timeoutMs: 700, stoppedMs: 1_000, args: [], sends: false },
    // What has come in is looked at before timers are: they cannot be relied on.
    { stall: "busy, its clock set back", timeoutMs: 700, stoppedMs: undefined, args: ["1000"], sends: false },
  ])("$stall, then sends: $sends", { timeout: 30_000 }, async ({ timeoutMs, stoppedMs, args, sends }) => {
    let on: Promise<unknown> = Promise.resolve();
    const server = await serveTls(async () => {
      if (stoppedMs === undefined) return wait(300);
      child.kill("SIGSTOP");
      on = wait(stoppedMs).then(() => child.kill("SIGCONT"));
    });
    const child = spawn(process.execPath, [program, server.url, String(timeoutMs), ...args], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    expect((await lines.next()).value).toBe("ready");
    child.stdin.write("change-1\n");
    const answer = JSON.parse(String((await lines.next()).value));
    await on;
    expect(answer).toMatchObject({ kind: sends ? "applied" : "not-sent" });
    expect(server.requests()).toBe(sends ? 1 : 0);
  });
});
