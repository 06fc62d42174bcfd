import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { policyNew } from "../../../src/cli/policy-new.ts";
import { testFolder } from "../../policy/signed-bundles.ts";

let folder = testFolder();
beforeEach(() => {
  folder = testFolder();
  mkdirSync(folder.path("tmp"));
  cpSync("policies", folder.path("policies"), { recursive: true });
  cpSync("src/sandbox/site.json", folder.path("site.json"));
});
afterEach(() => folder.remove());

const changes = () => folder.path("policies", "lockkeeper", "changes", "changes.rego");
const shipped = () => ["--policies", folder.path("policies"), "--data", folder.path("site.json")];

/** As an editor saves: beside it, and renamed. */
function edit(file: string, from: string, to: string): void {
  const text = readFileSync(file, "utf8");
  expect(text).toContain(from);
  writeFileSync(`${file}.new`, text.replace(from, to));
  renameSync(`${file}.new`, file);
}

/** `lockkeeper dev` as npm runs it, at the head of a process group of its own, as in a terminal. */
async function startDev(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, ["scripts/lockkeeper.mjs", "dev", ...args], {
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      PATH: process.env["PATH"],
      TMPDIR: folder.path("tmp"),
      LOCKKEEPER_LISTEN: "127.0.0.1:0",
      LOCKKEEPER_DATA_DIR: folder.path("data"),
      LOCKKEEPER_LOG_FORMAT: "pretty",
      ...env,
    },
  });
  const ended = once(child, "close");
  const signalGroup = (signal: NodeJS.Signals) => void process.kill(-(child.pid ?? 0), signal);
  onTestFinished(() => {
    if (child.exitCode === null && child.signalCode === null) signalGroup("SIGKILL");
  });
  const lines: string[] = [];
  let look = () => {};
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      lines.push(line);
      look();
    });
  }
  /** Resolves with all that has been said since the last time, up to a line with this in it. */
  const said = (what: RegExp) =>
    new Promise<string>((resolve, reject) => {
      look = () => {
        const at = lines.findIndex((line) => what.test(line));
        if (at === -1) return;
        look = () => {};
        resolve(lines.splice(0, at + 1).join("\n"));
      };
      look();
      void ended.then(([code, signal]) => reject(new Error(`it ended with ${code ?? signal}:\n${lines.join("\n")}`)));
    });
  const started = said(/listening/).then((text) => /http:\/\/127\.0\.0\.1:\d+/.exec(text)?.[0] ?? "");
  return { ended, said, started, signalGroup };
}

const off = async (url: string, token = "sandbox-oncall") => {
  const reply = await fetch(`${url}/v1/status-changes`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({
      credential: { type: "signing-certificate", id: "TA7SMP42TDN5Z26OBPJE7EXAMPLE", userName: "Bob" },
      status: "Inactive",
    }),
  });
  return reply.status;
};

describe("lockkeeper dev", () => {
  it("takes what is saved, says what it flips and what the tests say, and goes on answering", async () => {
    const { said, started, signalGroup, ended } = await startDev([...shipped(), "--hour", "23"]);
    const url = await started;
    expect([await off(url), await off(url), await off(url, "sandbox-viewer")]).toEqual([201, 201, 403]);
    let over = false;
    const answers = (async () => {
      const all = new Set<number>();
      while (!over) all.add((await fetch(`${url}/livez`)).status);
      return all;
    })();

    edit(changes(), "On-call may switch a credential off.", "On-call may switch it off.");
    expect(await said(/None of the last 3 decisions flips/)).toMatch(/Saved: lockkeeper\/changes\/changes\.rego\n/);
    const failed = await said(/^FAIL: \d+\/\d+$/);
    expect(failed).toContain("policies: types and built-ins ok\npolicies: tests FAILED");
    expect(failed).toContain("data.lockkeeper_test.test_allowed_with_reason: FAIL");

    edit(changes(), '"oncall" in request.roles', '"oncall" in request.roles\n\tinput.context.time.hour < 22');
    const flips = await said(/^ {2}records/);
    expect(flips).toContain("2 of the last 3 decisions flip:\n\nallow -> deny  2 x  iam:UpdateSigningCertificate");
    expect(flips).toContain("was       oncall-switch-off: On-call may switch a credential off.");
    expect(flips).toContain("is now    not-permitted:");
    expect(await off(url)).toBe(403);

    cpSync("policies", folder.path("policies"), { recursive: true });
    await said(/^None of the last 3 decisions flips/);
    await said(/Types and tests are ok/);
    expect(await off(url)).toBe(201);
    over = true;
    expect(await answers).toEqual(new Set([200]));

    signalGroup("SIGINT");
    expect(await ended).toEqual([0, null]);
    expect(readdirSync(folder.path("tmp"))).toEqual([]);
  });

  it("keeps what is in force when a save does not compile or fails its self-test, and says why", async () => {
    const { said, started } = await startDev(shipped());
    const url = await started;
    edit(changes(), "# Who may do what", "who := input.");
    expect(await said(/stay in force/)).toMatch(/lockkeeper\/changes\/changes\.rego:\d+: rego_parse_error/);
    expect(await off(url)).toBe(201);
    edit(changes(), "who := input.", "# Who may do what");
    await said(/as they are in force/);
    await said(/Types and tests are ok/);

    const selfTest = readFileSync(folder.path("policies", "selftest.json"));
    edit(folder.path("policies", "selftest.json"), '"allow": true', '"allow": false');
    expect(await said(/stay in force/)).toMatch(/Refused \(bundle-not-working\): .*self-test "[^"]+" failed/);
    expect(await off(url)).toBe(201);
    writeFileSync(folder.path("policies", "selftest.json"), selfTest);
    await said(/as they are in force/);
  });

  it("takes data that is saved, and refuses data that does not fit", async () => {
    const { said, started } = await startDev(shipped());
    const url = await started;
    expect(await off(url)).toBe(201);
    edit(folder.path("site.json"), '"sandbox oncall": ["oncall"],', "");
    expect(await said(/^ {2}records/)).toContain("1 of the last 1 decision flips:");
    expect(await off(url)).toBe(403);
    edit(folder.path("site.json"), '"viewer"]', '"visitor"]');
    expect(await said(/stay in force/)).toContain("Refused (data-unfit)");
    edit(folder.path("site.json"), '"visitor"]', '"viewer"]');
    await said(/^The data are as they are in force\.$/);
  });

  it("works with a new policy, at the hour that it is told", async () => {
    policyNew({ print: () => {}, note: () => {} }, folder.path("mine"));
    const { said, started } = await startDev(["--policies", folder.path("mine"), "--hour", "23"]);
    const url = await started;
    expect(await off(url)).toBe(201);
    const rego = folder.path("mine", "lockkeeper", "decision.rego");
    edit(rego, '\twanted == "Inactive"', '\twanted == "Inactive"\n\tinput.context.time.hour < 22');
    expect(await said(/^ {2}records/)).toMatch(/is now {4}not-permitted/);
    expect(await off(url)).toBe(403);
  });

  it("does not start with policies that do not compile, or an hour that is none", async () => {
    edit(changes(), "# Who may do what", "who := input.");
    const broken = await startDev(shipped());
    await expect(broken.started).rejects.toThrow(/ended with 1:[\s\S]*changes\.rego:\d+: rego_parse_error/);
    const late = await startDev([...shipped(), "--hour", "24"]);
    await expect(late.started).rejects.toThrow(/ended with 1:[\s\S]*--hour/);
    const configured = await startDev([], { LOCKKEEPER_POLICY_BUNDLE: "build/policies/bundle.tar.gz" });
    await expect(configured.started).rejects.toThrow(/ended with 1:[\s\S]*LOCKKEEPER_POLICY_BUNDLE/);
    expect(readdirSync(folder.path("tmp"))).toEqual([]);
  });
});
