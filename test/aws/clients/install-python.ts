import { readFileSync } from "node:fs";
import { join } from "node:path";
import { cached, succeed } from "./cache.ts";

/** Command lines, each to be followed by arguments. */
export interface PythonClients {
  readonly python: readonly string[];
  readonly cliV1: readonly string[];
  readonly motoServer: readonly string[];
}

const requirements = new URL("requirements.txt", import.meta.url).pathname;

/**
 * AWS CLI v1, boto3 and moto in a virtual environment, from PyPI.
 * @throws Error that says which command failed, and how
 */
export function installPython(): PythonClients {
  const version = succeed("python3", ["-c", "import sys; print(sys.version, sys.prefix)"]);
  const folder = cached("python", version + readFileSync(requirements, "utf8"), (folder) => {
    succeed("python3", ["-m", "venv", folder]);
    const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", requirements];
    succeed(join(folder, "bin", "python"), pip);
  });
  const bin = join(folder, "bin");
  // The folder was moved since its scripts were written, and their first lines name the former one: so not by those.
  const python = join(bin, "python");
  return { python: [python], cliV1: [python, join(bin, "aws")], motoServer: [python, join(bin, "moto_server")] };
}
