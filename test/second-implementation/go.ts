import { execFileSync, spawnSync } from "node:child_process";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
/** Neither another toolchain than the machine's, nor other versions than those that go.sum names. */
const env = { ...process.env, GOTOOLCHAIN: "local", GOFLAGS: "-mod=readonly" };

/**
 * Builds the program of this folder.
 * @param binary where to put it
 * @returns why it cannot be built on this machine: there is no Go, or its libraries cannot be had; undefined when it was
 */
export function buildSecondImplementation(binary: string): string | undefined {
  try {
    execFileSync("go", ["mod", "download"], { cwd: here, env, stdio: "pipe" });
  } catch (error) {
    return error instanceof Error ? error.message.trim() : String(error);
  }
  execFileSync("go", ["build", "-o", binary, "."], { cwd: here, env, stdio: ["ignore", "inherit", "inherit"] });
  return undefined;
}

/** What the program says of each path, in order: `ok: …` or `WRONG: …`. */
export function secondOpinion(
  binary: string,
  what: "receipt" | "export",
  keys: string,
  paths: readonly string[],
): string[] {
  const { status, stdout, stderr } = spawnSync(binary, [what, keys, ...paths], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  const lines = stdout.trimEnd().split("\n");
  if (lines.length !== paths.length) throw new Error(`it ended with ${status}: ${stderr}`);
  const said = lines.map((line, at) => line.slice(`${paths[at]}: `.length));
  if ((status === 0) !== said.every((line) => line.startsWith("ok: "))) throw new Error(`it ended with ${status}`);
  return said;
}
