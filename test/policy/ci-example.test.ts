import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";

interface Step {
  readonly name?: string;
  readonly uses?: string;
  readonly run?: string;
  readonly shell?: string;
  readonly if?: string;
  readonly env?: Readonly<Record<string, string>>;
}

const text = readFileSync("docs/examples/policy-ci.yaml", "utf8");
const { jobs, permissions }: { jobs: Record<string, { steps: Step[]; if?: string }>; permissions: object } =
  parse(text);
const steps = Object.values(jobs).flatMap((job) => job.steps);
const LAUNCHER = "node lockkeeper/scripts/lockkeeper.mjs ";
/** Each call of `lockkeeper`, on one line. */
const calls = steps
  .flatMap(({ run = "" }) => run.replaceAll("\\\n", " ").split(/\n|\||&&/))
  .filter((line) => line.trim().startsWith(LAUNCHER))
  .map((line) =>
    line
      .trim()
      .slice(LAUNCHER.length)
      .replaceAll(/\s+/g, " ")
      .replace(/ >+ .*/, ""),
  );

describe("the example workflow", () => {
  it("checks, builds, tests and replays on a pull request, and signs what is merged", () => {
    const commands = calls.map((call) => call.split(" ").slice(0, 2).join(" "));
    const wanted = ["policy check", "policy build", "policy test", "policy replay", "policy replay", "policy sign"];
    expect(commands).toEqual(wanted);
    expect(calls.join("\n")).toMatch(/--format markdown\n.*--fail-on deny-to-allow/);
    expect(jobs["publish"]?.if).toContain("push");
  });

  it.each(calls)("%s: has a command and options that there are", (call) => {
    const [group = "", command = "", ...more] = call.split(" ");
    const { stdout } = spawnSync(process.execPath, ["src/main.ts", group, command, "--help"], { encoding: "utf8" });
    expect(stdout).toContain(`Usage: lockkeeper ${group} ${command} `);
    for (const option of more.filter((word) => word.startsWith("--"))) expect(stdout).toContain(`  ${option} `);
  });

  // https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepsshell
  it("fails where a replay does, whatever its report is piped to", () => {
    const piped = steps.filter(({ run = "" }) => / \| /.test(run));
    expect(piped.map(({ name, shell }) => [name, shell])).toEqual([["What it would have changed", "bash"]]);
  });

  it("runs scripts that there are", () => {
    for (const [, script = ""] of text.matchAll(/lockkeeper\/(scripts\/\S+\.mjs)/g))
      expect(existsSync(script)).toBe(true);
    expect(text).toContain("npm ci --prefix lockkeeper");
  });

  it("hands nothing of a pull request to a shell, and secrets to the steps that need them only", () => {
    for (const { run = "", env = {}, name } of steps) {
      expect(run).not.toContain("${{");
      const secrets = Object.values(env).filter((value) => value.includes("secrets."));
      expect(secrets.length > 0, name).toBe(["Sign", "Publish"].includes(name ?? ""));
    }
    expect(permissions).toEqual({ contents: "read" });
  });
});
