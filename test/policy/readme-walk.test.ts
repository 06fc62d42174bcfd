import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, cpSync, existsSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { basename, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { testFolder } from "./signed-bundles.ts";

/** The code blocks of the README's chapter, in order: what stands there is what is done here. */
const readme = readFileSync("README.md", "utf8");
const chapter = readme.slice(readme.indexOf("### As a policy author"), readme.indexOf("## The audit log"));
const blocks = [...chapter.matchAll(/```(\w+)\n([\s\S]*?)```\n/g)].map(([, kind = "", text = ""]) => ({ kind, text }));

const folder = testFolder();
const clone = folder.path("lockkeeper");
const rego = resolve(clone, "policies/lockkeeper/changes/changes.rego");
const test = resolve(clone, "policies/lockkeeper/changes/changes_test.rego");
const running: ChildProcess[] = [];
let ports: { gateway: number; bundles: number };

/** The next block, which must be of that kind. Ports are the test's own. */
function next(kind: string): string {
  const block = blocks.shift();
  expect(block?.kind, `the README's next block after ${chapter.slice(0, 30)}…`).toBe(kind);
  return (block?.text ?? "").replaceAll(":8080", `:${ports.gateway}`).replaceAll("8099", String(ports.bundles));
}

/** A terminal, into which somebody pastes. */
function terminal() {
  const child = spawn("bash", ["--norc"], { cwd: clone, detached: true, env: environment(), stdio: "pipe" });
  running.push(child);
  let said = "";
  let look = () => {};
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      look();
    });
  }
  const until = (what: RegExp) =>
    new Promise<string>((found, failed) => {
      look = () => {
        const match = what.exec(said);
        if (match === null) return;
        const text = said.slice(0, match.index + match[0].length);
        said = said.slice(text.length);
        found(text);
      };
      look();
      child.once("close", () => failed(new Error(`the terminal is closed; it said:\n${said}`)));
    });
  return {
    until,
    type: (text: string) => void child.stdin.write(text),
    /** Pastes, and waits until all of it has run. */
    async paste(text: string) {
      child.stdin.write(`${text}\necho "pasted""-$?"\n`);
      return until(/pasted-\d+\n/);
    },
    interrupt: () => process.kill(-(child.pid ?? 0), "SIGINT"),
  };
}

function environment(): NodeJS.ProcessEnv {
  const { PATH, HOME } = process.env;
  const LOCKKEEPER_LISTEN = `127.0.0.1:${ports.gateway}`;
  return { PATH, HOME, LOCKKEEPER_LISTEN, LOCKKEEPER_LOG_FORMAT: "pretty" };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}

beforeAll(async () => {
  ports = { gateway: await freePort(), bundles: await freePort() };
  const { stdout } = spawnSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    encoding: "utf8",
  });
  for (const file of stdout.split("\0").filter((name) => name !== "" && existsSync(name))) {
    cpSync(file, resolve(clone, file), { recursive: true });
  }
  symlinkSync(resolve("node_modules"), resolve(clone, "node_modules"));
  const identity = ["-c", "user.name=Newcomer", "-c", "user.email=newcomer@example.com"];
  for (const args of [
    ["init", "-q"],
    ["add", "."],
    [...identity, "commit", "-qm", "cloned"],
  ]) {
    expect(spawnSync("git", args, { cwd: clone, encoding: "utf8" })).toMatchObject({ status: 0 });
  }
  // `git stash` makes commits.
  for (const [name, value] of [
    ["name", "Newcomer"],
    ["email", "newcomer@example.com"],
  ] as const) {
    spawnSync("git", ["config", `user.${name}`, value], { cwd: clone });
  }
});
afterAll(async () => {
  for (const { pid, exitCode, signalCode } of running) {
    if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, "SIGTERM");
  }
  await Promise.all(running.map((child) => child.exitCode ?? child.signalCode ?? once(child, "close")));
  folder.remove();
});

describe("the README's chapter for policy authors", () => {
  it("leads from on-call may switch off to on-call needs a ticket at night, and back", {
    timeout: 180_000,
  }, async () => {
    let first = terminal();
    const second = terminal();
    first.type(next("sh"));
    await first.until(/listening/);
    expect(await second.paste(next("sh"))).toMatch(/On-call may switch a credential off/);

    const rules = readFileSync(rego, "utf8");
    writeFileSync(rego, `${patched(rules, next("diff"))}\n${next("rego")}`);
    const flips = await first.until(/is now .*\n/);
    expect(flips).toContain("1 of the last 1 decision flips:");
    expect(flips).toMatch(/was +oncall-switch-off: .*\n +is now +ticket-required: /);
    await first.until(/Types and tests are ok/);
    appendFileSync(test, `\n${next("rego")}`);
    await first.until(/Saved: lockkeeper\/changes\/changes_test\.rego\nTypes and tests are ok/);

    const tried = await second.paste(next("sh"));
    expect(tried).toMatch(/This needs a ticket[\s\S]*On-call may switch a credential off/);
    expect(tried.match(/^policies: .* ok$/gm)).toHaveLength(5);
    expect(tried).not.toContain("FAILED");
    expect(tried).toMatch(/1 of 3 decisions in data.* would flip under policies [0-9a-f]{12}/);

    expect(await second.paste(next("sh"))).toMatch(/signed build\/next\.tar\.gz/);
    first.interrupt();
    await first.until(/stopped/);
    // This shell has no jobs of its own: it ends with what it runs.
    first = terminal();
    first.type(next("sh"));
    await first.until(/listening/);
    expect(await second.paste("off")).toMatch(/needs a ticket|may switch a credential off/);

    expect(await second.paste(next("sh"))).toMatch(/signed build\/next\.tar\.gz/);
    expect(readFileSync(rego, "utf8")).toBe(rules);
    await first.until(/policies are in force/);
    expect(await second.paste("off")).toMatch(/On-call may switch a credential off/);
    expect(blocks).toEqual([]);
  });

  it("names only files that are there", () => {
    const linked = [...chapter.matchAll(/\]\(([^)#]+)\)/g)].map(([, path = ""]) => path);
    for (const path of linked) expect(existsSync(path), path).toBe(true);
    for (const [, path = ""] of chapter.matchAll(/`(policies\/[\w/.]+)`/g)) expect(existsSync(path), path).toBe(true);
    expect(basename(rego)).toBe("changes.rego");
  });
});

/** Applies a hunk without line numbers. */
function patched(text: string, hunk: string): string {
  const lines = hunk.split("\n").filter((line) => line !== "");
  const side = (left: string) =>
    lines
      .filter((line) => line.startsWith(" ") || line.startsWith(left))
      .map((line) => `${line.slice(1)}\n`)
      .join("");
  expect(text.split(side("-")), "the hunk fits one place").toHaveLength(2);
  return text.replace(side("-"), () => side("+"));
}
