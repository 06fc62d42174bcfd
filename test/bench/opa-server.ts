import { spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { opaPath } from "../../scripts/opa.mjs";

export interface OpaServer {
  /** Asks for the decision on one input, given as JSON, over a connection that is kept. */
  decide(input: string): Promise<unknown>;
  stop(): Promise<void>;
}

/**
 * OPA itself as a server on loopback, logging nothing, with the shipped Rego. Resolves when it answers.
 * @param dataFile JSON with the site's data
 */
export async function startOpaServer(dataFile: string): Promise<OpaServer> {
  const port = await freePort();
  // biome-ignore format: one option, one line
  const child = spawn(opaPath(), [
    "run", "--server", "--v1-compatible",
    "--addr", `127.0.0.1:${port}`,
    "--disable-telemetry",
    "--log-level", "error",
    "--ignore", "*_test.rego",
    "policies/lockkeeper", dataFile,
  ], { stdio: "ignore" });
  const ended = once(child, "exit");
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const url = `http://127.0.0.1:${port}/v1/data/lockkeeper/decision`;
  const decide = async (input: string): Promise<unknown> => JSON.parse(await answer(agent, url, input)).result;
  while (!(await decide("null").then(Boolean, () => false))) {
    if (child.exitCode !== null) throw new Error(`opa ended with ${child.exitCode}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return {
    decide,
    async stop() {
      agent.destroy();
      child.kill();
      await ended;
    },
  };
}

function answer(agent: Agent, url: string, input: string): Promise<string> {
  const body = `{"input":${input}}`;
  const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent, method: "POST", headers }, (reply) => {
      let text = "";
      reply.setEncoding("utf8");
      reply.on("data", (chunk: string) => {
        text += chunk;
      });
      reply.once("end", () => resolve(text));
    });
    sent.once("error", reject);
    sent.end(body);
  });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
