import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { LockkeeperError } from "../../src/errors.ts";
import { checkData, loadData } from "../../src/policy/data.ts";
import { sandboxData, shippedBundle } from "./policies.ts";

const folder = mkdtempSync(join(tmpdir(), "lockkeeper-data-"));
afterAll(() => rmSync(folder, { recursive: true }));

const bundle = shippedBundle();
const empty = {
  roles: { principals: {}, groups: {} },
  protectedUsers: {},
  gatewayUsers: {},
  suspended: { principals: {}, people: {} },
};

function faultsOf(data: Readonly<Record<string, unknown>>): readonly string[] {
  try {
    checkData(bundle, data);
    return [];
  } catch (error) {
    if (!(error instanceof LockkeeperError)) throw error;
    expect(error.code).toBe("configuration");
    return (error.details.faults ?? []).map(({ at }) => at);
  }
}

describe("the site's data", () => {
  it("as it is shipped, and as the sandbox has it, fits the shipped policies", () => {
    expect(faultsOf(loadData("policies/data.json"))).toEqual([]);
    expect(faultsOf(sandboxData())).toEqual([]);
    expect(faultsOf({ site: empty })).toEqual([]);
  });

  it("is refused with a protected user in capitals, who would not be protected", () => {
    expect(faultsOf({ site: { ...empty, protectedUsers: { "Break-Glass": "x" } } })).toContain(
      "data.site.protectedUsers",
    );
  });

  it("is refused with every fault at once", () => {
    const roles = { principals: { "no-issuer": ["oncall"] }, groups: { "idp#sre": ["boss"] } };
    const faults = faultsOf({ site: { ...empty, roles, suspended: {}, protectedUser: {} }, other: 1 });
    expect(faults).toEqual(
      expect.arrayContaining(["data", "data.site", "data.site.roles.principals", "data.site.suspended"]),
    );
    expect(faults.some((at) => at.startsWith("data.site.roles.groups"))).toBe(true);
  });

  it.each([
    ["a part of it missing", { site: { ...empty, gatewayUsers: undefined } }],
    ["nothing", {}],
    ["what belongs to the policies", { site: empty, lockkeeper: { decision: { allow: true } } }],
    [
      "the user's flag false, which would not protect it",
      { site: { ...empty, protectedUsers: { "break-glass": false } } },
    ],
  ])("is refused with %s", (_, data) => {
    expect(faultsOf(JSON.parse(JSON.stringify(data)))).not.toEqual([]);
  });

  it("names what it stumbled over", () => {
    const site = { ...empty, protectedUsers: { "Break-Glass": "x" } };
    expect(() => checkData(bundle, { site })).toThrow(/data\.site\.protectedUsers: "Break-Glass" must match pattern/);
  });

  it("names a group as it is written, and the roles that there are", () => {
    const roles = { principals: {}, groups: { "https://idp.example#sre": ["On-call"] } };
    expect(() => checkData(bundle, { site: { ...empty, roles } })).toThrow(
      /data\.site\.roles\.groups\.https:\/\/idp\.example#sre\.0: must be equal to one of the allowed values: .*oncall/,
    );
  });

  it("may not give what belongs to the policies, whatever they expect beside it", () => {
    const data = { lockkeeper: {} };
    expect(() => checkData({ ...bundle, dataSchemas: {} }, data)).toThrow(/data\.lockkeeper: belongs to the policies/);
    expect(() => checkData({ ...bundle, dataSchemas: {} }, { anything: 1 })).not.toThrow();
  });

  it.each(["[]", "null", "{", '"x"'])("that is %s in its file is refused by the file's path", (content) => {
    const path = join(folder, "data.json");
    writeFileSync(path, content);
    expect(() => loadData(path)).toThrow(
      expect.objectContaining({ code: "configuration", message: expect.stringContaining(path) }),
    );
  });

  it("is checked against the bundle's own schema, whatever bundles were there before", () => {
    const asking = (site: object) => ({ ...bundle, dataSchemas: { site } });
    const kinds = ["object", "array", "string", "number", "boolean", "null", "integer"];
    for (let round = 0; round < 2; round++) {
      for (const type of kinds) {
        const check = () => checkData(asking({ type }), { site: {} });
        if (type === "object") expect(check).not.toThrow();
        else expect(check).toThrow(`data.site: must be ${type}`);
      }
      expect(() => checkData(asking({ type: "anything" }), { site: {} })).toThrow(/schema is invalid/);
    }
  });
});
