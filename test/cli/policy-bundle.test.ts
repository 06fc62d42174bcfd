import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { policyBuild } from "../../src/cli/policy-build.ts";
import { policySign, policyTest, policyVerify } from "../../src/cli/policy-bundle.ts";
import { readArchive, writeArchive } from "../../src/policy/archive.ts";
import { loadBundle } from "../../src/policy/bundle.ts";
import { readFolder } from "../../src/policy/bundle-files.ts";
import { TestClock } from "../fixture/clock.ts";
import { keyPair, opaVerifies, testFolder, withFiles, writeFolder, writeKeys } from "../policy/signed-bundles.ts";

let folder = testFolder();
let printed: string[] = [];
let noted: string[] = [];
const output = { print: (line: string) => void printed.push(line), note: (line: string) => void noted.push(line) };
const clock = new TestClock();
const bundle = () => folder.path("bundle.tar.gz");
const build = (options: object = {}) => policyBuild(output, clock, { folder: "policies", out: bundle(), ...options });
const fault = (code: string, message: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });
beforeEach(() => {
  folder = testFolder();
  [printed, noted] = [[], []];
});
afterEach(() => folder.remove());

describe("lockkeeper policy build", () => {
  it("makes a bundle that says when it was built, with its self-test", async () => {
    await build();
    const { createdAt, selfTest, revision } = loadBundle(bundle());
    expect(createdAt).toBe(clock.now());
    expect(selfTest?.cases.length).toBeGreaterThan(0);
    expect(printed).toEqual([`${bundle()}: revision ${revision}, built 2026-11-21T09:30:00.000Z`]);
  });

  it("gives the same bytes for the same sources and the same time", async () => {
    const options = { createdAt: "2026-01-02T03:04:05Z", revision: "r7" };
    await build(options);
    const bytes = readFileSync(bundle());
    await build(options);
    expect(readFileSync(bundle())).toEqual(bytes);
    expect(loadBundle(bundle()).revision).toBe("r7");
  });

  it("says which rule computes a code that nobody could find", async () => {
    cpSync("policies", folder.path("policies"), { recursive: true });
    const rule = '\n\ndeny contains {"code": concat("-", ["x", input.action]), "message": "M."}\n';
    const file = folder.path("policies", "lockkeeper", "changes", "night.rego");
    writeFileSync(file, `package lockkeeper.changes\n\nimport rego.v1${rule}`);
    await build({ folder: folder.path("policies") });
    expect(noted).toEqual([
      expect.stringMatching(/^lockkeeper\/changes\/night\.rego:5: data\.lockkeeper\.changes\.deny computes a code/),
    ]);
  });

  it("says what is wrong, and keeps the bundle before", async () => {
    await build();
    const bytes = readFileSync(bundle());
    cpSync("policies", folder.path("policies"), { recursive: true });
    writeFileSync(folder.path("policies", "lockkeeper", "broken.rego"), "package lockkeeper.broken\n\nx := input.");
    await expect(build({ folder: folder.path("policies") })).rejects.toEqual(
      fault("policy-unavailable", /do not compile:[\s\S]*broken\.rego:3/),
    );
    await expect(build({ createdAt: "yesterday" })).rejects.toEqual(fault("configuration", /--created-at/));
    expect(readFileSync(bundle())).toEqual(bytes);
  });
});

describe("lockkeeper policy build of a self-test that no gateway would take", () => {
  async function faultsOf(selfTest: string): Promise<string[]> {
    cpSync("policies", folder.path("policies"), { recursive: true });
    writeFileSync(folder.path("policies", "selftest.json"), selfTest);
    const error = await build({ folder: folder.path("policies") }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "policy-unavailable" });
    expect(existsSync(bundle())).toBe(false);
    const [first = "", ...faults] = (error as Error).message.split("\n");
    expect(first).toContain(`${folder.path("policies", "selftest.json")} is no`);
    return faults;
  }

  it("says where and why, with the names of the cases, and writes nothing", async () => {
    const good = { name: "good", input: {}, allow: true };
    const cases = [
      good,
      { ...good, name: "bad", reason: ["x"] },
      { ...good, allow: "yes", needs: ["usr"] },
      { input: {} },
    ];
    expect(await faultsOf(JSON.stringify({ data: {}, cases }))).toEqual([
      'cases[1] ("bad"): Unrecognized key: "reason"',
      'cases[2].allow ("good"): Invalid input: expected boolean, received string',
      expect.stringMatching(/^cases\[2\]\.needs\[0\] \("good"\): Invalid option: expected one of /),
      "cases[3].name: Invalid input: expected string, received undefined",
      "cases[3].allow: Invalid input: expected boolean, received undefined",
    ]);
  });

  it.each([
    [
      '{"case": []}',
      ["cases: Invalid input: expected array, received undefined", 'at the top: Unrecognized key: "case"'],
    ],
    ["[]", ["at the top: Invalid input: expected object, received array"]],
    ["{", []],
  ])("says so of %s", async (selfTest, faults) => {
    expect(await faultsOf(selfTest)).toEqual(faults);
  });
});

describe("lockkeeper policy sign and verify", () => {
  it("sign an archive so that we and the real opa verify it, and print what is in it", async () => {
    await build({ revision: "r7" });
    const keys = writeKeys(folder.path(), keyPair("ES256"));
    await policySign(output, bundle(), { key: keys.private, algorithm: "ES256", keyId: "k1" });
    expect(opaVerifies(readArchive(readFileSync(bundle())), "ES256", keys.public, "k1")).toMatchObject({ ok: true });
    await policyVerify(output, bundle(), { key: keys.public, algorithm: "ES256", keyId: "k1" });
    expect(printed.join("\n")).toMatch(/revision {5}r7\nbuilt {8}2026-11-21T09:30:00\.000Z/);
  });

  it("sign a folder", async () => {
    await build();
    const unpacked = folder.path("unpacked");
    writeFolder(unpacked, readArchive(readFileSync(bundle())));
    const keys = writeKeys(folder.path(), keyPair("RS256"));
    await policySign(output, unpacked, { key: keys.private, algorithm: "RS256" });
    await policyVerify(output, unpacked, { key: keys.public, algorithm: "RS256" });
    expect(readFolder(unpacked).has(".signatures.json")).toBe(true);
  });

  it("refuse a bundle that was changed, that is not signed, or that is none", async () => {
    await build();
    const keys = writeKeys(folder.path(), keyPair("ES256"));
    const options = { key: keys.public, algorithm: "ES256" };
    await expect(policyVerify(output, bundle(), options)).rejects.toEqual(fault("policy-unavailable", /not signed/));
    await policySign(output, bundle(), { ...options, key: keys.private });
    const files = withFiles(readArchive(readFileSync(bundle())), { "policy.wasm": "other" });
    writeFileSync(bundle(), writeArchive(files));
    await expect(policyVerify(output, bundle(), options)).rejects.toEqual(
      fault("policy-unavailable", /policy\.wasm is not as it was signed/),
    );
    await expect(policySign(output, keys.public, { ...options, key: keys.private })).rejects.toEqual(
      fault("policy-unavailable", /cannot be used/),
    );
    await expect(policyVerify(output, bundle(), { ...options, algorithm: "none" })).rejects.toEqual(
      fault("configuration", /--algorithm must be one of/),
    );
  });
});

describe("lockkeeper policy test", () => {
  function withSelfTest(selfTest: object | undefined): string {
    cpSync("policies", folder.path("policies"), { recursive: true });
    writeFileSync(folder.path("policies", "selftest.json"), JSON.stringify(selfTest));
    return folder.path("policies");
  }

  it("passes the shipped policies", async () => {
    await build();
    expect(policyTest(output, bundle())).toBe(0);
    expect(printed.at(-1)).toMatch(/^\d+ cases, 0 failed$/);
  });

  it("names the case that fails, what was expected and what came", async () => {
    const { data, cases } = JSON.parse(readFileSync("policies/selftest.json", "utf8"));
    const { needs: _, ...first } = cases.find(({ name }: { name: string }) => name === "on-call may switch off");
    const wrong = { ...first, allow: false, reasons: ["never"] };
    await build({ folder: withSelfTest({ data, cases: [...cases, wrong] }) });
    expect(policyTest(output, bundle())).toBe(1);
    expect(printed.at(-2)).toMatch(/^FAILED {2}on-call may switch off: expected deny \(never\), got allow/);
  });

  it("fails with data that no gateway would take, though every case is as expected", async () => {
    const { data, cases } = JSON.parse(readFileSync("policies/selftest.json", "utf8"));
    const site = { ...data.site, suspended: { ...data.site.suspended, people: { Mallory: "left" } } };
    await build({ folder: withSelfTest({ data: { site }, cases }) });
    expect(policyTest(output, bundle())).toBe(1);
    expect(printed.at(-1)).toMatch(/ 0 failed$/);
    expect(noted.join()).toMatch(/^A gateway would refuse it: In its self-test: The policy data .*"Mallory"/s);
  });

  it("fails where a gateway's own trial does", async () => {
    const policies = withSelfTest(JSON.parse(readFileSync("policies/selftest.json", "utf8")));
    const rule =
      'package lockkeeper.changes\n\nimport rego.v1\n\nallow contains {"code": "everybody", "message": "M."} if ';
    const nobody = 'input.principal.id == "nobody"';
    writeFileSync(folder.path("policies", "lockkeeper", "changes", "open.rego"), `${rule}${nobody}\n`);
    await build({ folder: policies });
    expect(policyTest(output, bundle())).toBe(1);
    expect(noted.join()).toMatch(/^A gateway would refuse it: .*allows a request that nobody made/);
  });

  it("fails where there is nothing to test", async () => {
    await build({ folder: withSelfTest({ cases: [] }) });
    expect(policyTest(output, bundle())).toBe(1);
    expect(noted.join()).toMatch(/has no self-test/);
  });
});
