// Runs the IAM adapter's suite against moto, an implementation of IAM by others. Needs python3 with venv, and pip's
// package index. Everything that it makes is in a temporary folder and gone afterwards.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const MOTO = "moto[server]==5.2.5";
const STARTS_WITHIN_MS = 60_000;

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "lockkeeper-moto-"));

/** Runs a command in this terminal; its exit code, 1 when a signal ended it. */
async function run(command, args, env = process.env) {
  const [code] = await once(spawn(command, args, { cwd: root, stdio: "inherit", env }), "exit");
  return code ?? 1;
}

async function must(command, args) {
  const code = await run(command, args);
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${code}`);
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** Resolves when something answers there. */
async function answers(url) {
  for (const end = Date.now() + STARTS_WITHIN_MS; Date.now() < end; ) {
    try {
      await fetch(url);
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  throw new Error(`moto does not answer at ${url}`);
}

let moto;
try {
  await must("python3", ["-m", "venv", folder]);
  await must(join(folder, "bin", "pip"), ["install", "--quiet", "--disable-pip-version-check", MOTO]);
  const port = await freePort();
  moto = spawn(join(folder, "bin", "moto_server"), ["-H", "127.0.0.1", "-p", String(port)], { stdio: "ignore" });
  const endpoint = `http://127.0.0.1:${port}`;
  await answers(`${endpoint}/moto-api/`);
  const suite = ["scripts/run.mjs", "vitest", "run", "test/iam/adapter.test.ts", "--reporter=verbose"];
  process.exitCode = await run(process.execPath, suite, { ...process.env, LOCKKEEPER_TEST_IAM_ENDPOINT: endpoint });
} finally {
  if (moto !== undefined && moto.exitCode === null) {
    moto.kill();
    await once(moto, "exit");
  }
  rmSync(folder, { recursive: true, force: true });
}
