import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { recordedSteps } from "../faults/gate.ts";
import { dataFolder } from "../fixture/data-folder.ts";

const launcher = fileURLToPath(new URL("../../scripts/lockkeeper.mjs", import.meta.url));

let folder: ReturnType<typeof dataFolder>;
beforeEach(() => {
  folder = dataFolder();
});
afterEach(() => folder.remove());

interface Running {
  readonly child: ChildProcess;
  readonly port: number;
  readonly ended: Promise<unknown[]>;
  /** Resolves with the first line of output that holds this text. */
  said(text: string): Promise<string>;
  /** To the whole process group, as a terminal does. */
  signalGroup(signal: NodeJS.Signals): void;
}

/** The sandbox as `npm start` runs it, at the head of a process group of its own. */
async function startSandbox(nodeArguments: readonly string[] = [launcher]): Promise<Running> {
  const child = spawn(process.execPath, [...nodeArguments, "serve", "--sandbox"], {
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
    env: {
      PATH: process.env["PATH"],
      LOCKKEEPER_LISTEN: "127.0.0.1:0",
      LOCKKEEPER_DATA_DIR: folder.path,
      LOCKKEEPER_LOG_FORMAT: "json",
    },
  });
  const signalGroup = (signal: NodeJS.Signals) => void process.kill(-(child.pid ?? 0), signal);
  const ended = once(child, "exit");
  onTestFinished(() => {
    if (child.exitCode === null && child.signalCode === null) signalGroup("SIGKILL");
  });
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  createInterface({ input: child.stdout }).on("line", (line) => {
    lines.push(line);
    for (const look of waiting) look();
  });
  const said = (text: string) =>
    new Promise<string>((resolve, reject) => {
      const look = () => {
        const found = lines.find((line) => line.includes(text));
        if (found === undefined) return;
        waiting.delete(look);
        resolve(found);
      };
      waiting.add(look);
      look();
      void ended.then(([code, signal]) => reject(new Error(`it ended with ${code ?? signal}: ${lines.join("\n")}`)));
    });
  const port = Number(/"url":"http:\/\/127\.0\.0\.1:(\d+)"/.exec(await said('"msg":"listening"'))?.[1]);
  return { child, port, ended, said, signalGroup };
}

const events = () => [...recordedSteps(folder.database).values()].flat();

/** Begins a request and never ends it. */
async function dawdle(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  socket.write(
    "POST /v1/status-changes HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sandbox-oncall\r\nExpect: 100-continue\r\n" +
      "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n",
  );
  // The request has arrived when its head has been answered.
  await once(socket, "data");
  return socket;
}

describe("the sandbox, started by its launcher", () => {
  it.each(["SIGINT", "SIGTERM"] as const)("is closed in order when its process group gets %s", async (signal) => {
    const { ended, signalGroup } = await startSandbox();
    signalGroup(signal);
    expect(await ended).toEqual([0, null]);
    expect(events()).toEqual([
      "lockkeeper.service.started",
      "lockkeeper.policy.activated",
      "lockkeeper.service.stopped",
    ]);
  });

  it("waits for a request though copies of the signal arrive, and ends at once at another one a second later", async () => {
    const { port, ended, said, signalGroup } = await startSandbox();
    const socket = await dawdle(port);
    signalGroup("SIGINT");
    await said('"msg":"stopping"');
    signalGroup("SIGINT");
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    expect(socket.destroyed).toBe(false);
    signalGroup("SIGTERM");
    expect(await ended).toEqual([143, null]);
    expect(events()).toEqual(["lockkeeper.service.started", "lockkeeper.policy.activated"]);
  });
});

describe("a gateway whose audit thread dies", () => {
  it("ends with exit code 1, for its supervisor to start another", async () => {
    const killable = `
      import threads from "node:worker_threads";
      import { syncBuiltinESMExports } from "node:module";
      threads.Worker = class extends threads.Worker {
        constructor(...all) {
          super(...all);
          process.once("SIGUSR2", () => this.terminate());
        }
      };
      syncBuiltinESMExports();`;
    const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
    const preload = `data:text/javascript,${encodeURIComponent(killable)}`;
    const { child, ended, said } = await startSandbox(["--import", preload, main]);
    child.kill("SIGUSR2");
    expect(await said('"level":"fatal"')).toContain("the audit log has failed for good");
    expect(await ended).toEqual([1, null]);
  });
});
