import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cached, succeed } from "./cache.ts";

/** Debian's Python, for which its package is made, and not another one that is first on the PATH. */
const debianPython = "/usr/bin/python3";

/**
 * AWS CLI v2: the `aws` on the PATH when it is that, else Debian's package, unpacked with what it needs into a folder of
 * its own; the system stays as it is.
 * @returns the command line, to be followed by arguments
 * @throws Error that says which command failed, and how
 */
export function installCliV2(): readonly string[] {
  const onPath = spawnSync("aws", ["--version"], { encoding: "utf8" });
  if (onPath.stdout?.startsWith("aws-cli/2")) return ["aws"];
  const packages = neededPackages();
  const folder = cached("aws-cli-v2", packages.join("\n"), (folder) => {
    const downloads = join(folder, "downloads");
    mkdirSync(downloads);
    succeed("apt-get", ["download", "--quiet", ...packages], { cwd: downloads });
    for (const file of readdirSync(downloads)) succeed("dpkg-deb", ["--extract", join(downloads, file), folder]);
    rmSync(downloads, { recursive: true });
  });
  const modules = join(folder, "usr", "lib", "python3", "dist-packages");
  const command = ["env", `PYTHONPATH=${modules}`, debianPython, join(folder, "usr", "bin", "aws")];
  const version = succeed("env", [...command.slice(1), "--version"]);
  if (!version.startsWith("aws-cli/2")) throw new Error(`Debian's package awscli is no AWS CLI v2: ${version}`);
  return command;
}

/** `name=version` of the package and of all that it needs and this machine has not. */
function neededPackages(): string[] {
  const simulate = () =>
    succeed("apt-get", ["install", "--simulate", "--reinstall", "--no-install-recommends", "awscli"]);
  let plan: string;
  try {
    plan = simulate();
  } catch {
    // A machine that has just been set up knows no packages yet.
    succeed("apt-get", ["update", "--quiet"]);
    plan = simulate();
  }
  return [...plan.matchAll(/^Inst (\S+) (?:\[\S+\] )?\((\S+) /gm)]
    .map(([, name, version]) => `${name}=${version}`)
    .sort();
}
