import { spawnSync } from "node:child_process";
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkPolicies } from "../../scripts/check-policies.mjs";
import { policyBuild } from "../../src/cli/policy-build.ts";
import { policyTest } from "../../src/cli/policy-bundle.ts";
import { policyCheck } from "../../src/cli/policy-check.ts";
import { policyNew } from "../../src/cli/policy-new.ts";
import { loadBundle } from "../../src/policy/bundle.ts";
import { loadData } from "../../src/policy/data.ts";
import { TestClock } from "../fixture/clock.ts";
import { pdpWith } from "../policy/policies.ts";
import { input, principal } from "../policy/requests.ts";
import { testFolder } from "../policy/signed-bundles.ts";

let folder = testFolder();
let printed: string[] = [];
let noted: string[] = [];
const output = { print: (line: string) => void printed.push(line), note: (line: string) => void noted.push(line) };
const policies = (...parts: string[]) => folder.path("mine", ...parts);
const rego = () => policies("lockkeeper", "decision.rego");
const edit = (file: string, from: string, to: string) => {
  const text = readFileSync(file, "utf8");
  expect(text).toContain(from);
  writeFileSync(file, text.replace(from, to));
};
beforeEach(() => {
  folder = testFolder();
  [printed, noted] = [[], []];
  policyNew(output, policies());
});
afterEach(() => folder.remove());

describe("lockkeeper policy new", () => {
  it("writes a policy that is formatted, fits its schemas, and whose tests reach every line", async () => {
    expect(await policyCheck(output, policies())).toBe(0);
    expect(printed.slice(-5)).toEqual([
      "policies: formatting ok",
      "policies: types and built-ins ok",
      "policies: tests ok",
      "policies: coverage ok",
      "policies: reasons ok",
    ]);
    expect(noted).toEqual([]);
    expect(readFileSync(policies("schemas", "input.json"))).toEqual(readFileSync("policies/schemas/input.json"));
  });

  it("writes a policy that builds, passes its self-test, and decides in a gateway", async () => {
    const out = folder.path("bundle.tar.gz");
    await policyBuild(output, new TestClock(), { folder: policies(), out });
    expect(policyTest(output, out)).toBe(0);
    const { pdp, faults } = pdpWith(loadBundle(out), loadData(policies("data.json")));
    const decided = (id: string, asked: Parameters<typeof input>[1]) => {
      const { allow, reasons } = pdp.decide(input(principal(id), asked));
      return [allow, ...reasons.map(({ code }) => code)];
    };
    expect(decided("oncall", {})).toEqual([true, "operator-switch-off"]);
    expect(decided("oncall", { status: "Active" })).toEqual([false, "ticket-required"]);
    expect(decided("oncall", { status: "Active", ticket: "SEC-1" })).toEqual([true, "operator-switch-on"]);
    expect(decided("viewer", {})).toEqual([false, "not-permitted"]);
    expect(faults.filter(({ code }) => code !== "policy-slow")).toEqual([]);
  });

  it("takes an empty folder, but none with something in it, and then changes nothing", () => {
    mkdirSync(folder.path("empty"));
    policyNew(output, folder.path("empty"));
    writeFileSync(rego(), "mine");
    expect(() => policyNew(output, policies())).toThrow(/not empty: name another folder\. Nothing was written/);
    expect(readFileSync(rego(), "utf8")).toBe("mine");
    expect(() => policyNew(output, rego())).toThrow(/there already/);
  });

  it("is in the npm package, with all that building and checking it needs", () => {
    const { stdout } = spawnSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], { encoding: "utf8" });
    const packed: string[] = JSON.parse(stdout)[0].files.map(({ path }: { path: string }) => path);
    const template = ["lockkeeper/decision.rego", "lockkeeper/decision_test.rego", "data.json", "selftest.json"];
    const scripts = ["build-policies", "check-policies", "lockkeeper", "node24", "opa", "policy-files"];
    expect(packed).toEqual(
      expect.arrayContaining([
        ...[...template, "README.md", "schemas/site.json"].map((name) => `templates/policy/${name}`),
        ...scripts.map((name) => `scripts/${name}.mjs`),
        "policies/capabilities.json",
        "policies/schemas/input.json",
        "policies/lockkeeper/decision.rego",
      ]),
    );
  });
});

describe("lockkeeper policy check", () => {
  const check = async () => [await policyCheck(output, policies()), printed.slice(-5).join(), noted.join("\n")];

  it("names a file that is not formatted", async () => {
    appendFileSync(rego(), "\n\n\n");
    expect(await check()).toEqual([1, expect.stringContaining("formatting FAILED"), expect.stringMatching(/opa fmt/)]);
  });

  it("names the line of a field that the schemas do not know", async () => {
    edit(rego(), "input.change.ticket.id", "input.change.ticked.id");
    expect(await check()).toEqual([
      1,
      expect.stringContaining("types and built-ins FAILED"),
      expect.stringMatching(/decision\.rego:\d+: rego_type_error: undefined ref: input\.change\.ticked/),
    ]);
  });

  it("names a test that fails", async () => {
    edit(rego(), 'wanted == "Inactive"', 'wanted == "Active"');
    expect(await check()).toEqual([
      1,
      expect.stringContaining("tests FAILED"),
      expect.stringContaining("test_an_operator_switches_off: FAIL"),
    ]);
  });

  it("names the lines that no test reaches, and says where there is no test at all", async () => {
    edit(policies("lockkeeper", "decision_test.rego"), "decided({}) ==", "# decided({}) ==");
    edit(rego(), "# Who may do what", 'allow contains {"code": "x", "message": "x"} if input.action == "iam:GetUser"');
    expect(await check()).toEqual([1, expect.anything(), expect.stringMatching(/decision\.rego: \d+\nEvery line/)]);
    writeFileSync(policies("lockkeeper", "decision_test.rego"), "package lockkeeper_test\n");
    expect(await check()).toEqual([1, expect.stringContaining("tests FAILED"), expect.stringContaining("no test")]);
  });

  it("refuses a folder without Rego, and one that is not there", async () => {
    await expect(policyCheck(output, "test/cli")).rejects.toMatchObject({ code: "policy-unavailable" });
    await expect(policyCheck(output, policies("none"))).rejects.toMatchObject({ code: "policy-unavailable" });
  });

  it("has the shipped policies decide every case besides", () => {
    expect(checkPolicies({ print: output.print, note: output.note })).toBe(true);
  });
});
