import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { Worker } from "node:worker_threads";
import { onTestFinished } from "vitest";

/** An HTTP server for one test; returns its URL. It ends, with all connections, when the test does. */
export async function serveHttp(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return urlOf(server.address() as AddressInfo);
}

/** The URL of a port on which nobody listens. */
export async function closedPort(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = urlOf(server.address() as AddressInfo);
  await new Promise((resolve) => server.close(resolve));
  return url;
}

/**
 * The URL of a port that lets nobody in: its listener stands still with a full queue of connections, so the kernel
 * drops every further attempt, as a firewall does.
 */
export async function silentPort(): Promise<string> {
  const worker = new Worker(
    `const { createServer, connect } = require("node:net");
     const { parentPort } = require("node:worker_threads");
     const server = createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
       const { port } = server.address();
       for (let n = 0; n < 8; n += 1) connect(port, "127.0.0.1").on("error", () => undefined);
       // The attempts are made on the next tick; nothing is accepted before the one after.
       process.nextTick(() => {
         parentPort.postMessage(port);
         Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
       });
     });`,
    { eval: true },
  );
  onTestFinished(async () => {
    await worker.terminate();
  });
  const port = await new Promise<number>((resolve) => worker.once("message", resolve));
  return `http://127.0.0.1:${port}`;
}

function urlOf({ port }: AddressInfo): string {
  return `http://127.0.0.1:${port}`;
}
