import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { reasonsIn } from "../../scripts/policy-reasons.mjs";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lockkeeper-reasons-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** The reasons in one file of package `site.night`; its first line is line 4. */
function found(...lines: string[]) {
  writeFileSync(join(folder, "night.rego"), ["package site.night", "", "import rego.v1", ...lines, ""].join("\n"));
  return reasonsIn(folder, ["night.rego"]);
}
const at = (name: string, line: number) => ({ rule: `data.site.night.${name}`, file: "night.rego", line });

describe("which rule gives which reason", () => {
  it("is read from rules of every kind", () => {
    const { reasons, unsaid, rules } = found(
      'default answer := {"reasons": [{"code": "nothing", "message": "M."}]}',
      'deny contains {"code": "in-head", "message": "M."} if input.a',
      "deny contains reason if {",
      '  reason := {"code": "in-body", "message": concat(" ", ["M", input.a])}',
      "}",
      'why := {"code": "first", "message": "M."} if input.a',
      'else := {"code": "second", "message": "M."} if input.b',
      'else := {"code": "third", "message": "M."}',
      'by[x] := {"code": "keyed", "message": "M."} if some x in input.a',
    );
    expect(reasons).toEqual({
      nothing: [at("answer", 4)],
      "in-head": [at("deny", 5)],
      "in-body": [at("deny", 6)],
      first: [at("why", 9)],
      second: [at("why", 10)],
      third: [at("why", 11)],
      keyed: [at("by", 12)],
    });
    expect(unsaid).toEqual([]);
    expect([...rules].sort()).toEqual(["answer", "by", "deny", "why"].map((name) => `data.site.night.${name}`));
  });

  it("names every rule that gives the same code, each once", () => {
    const { reasons } = found(
      'allow contains {"code": "twice", "message": "M."} if input.a',
      'deny contains {"code": "twice", "message": "N."} if input.b',
      'all := [{"code": "twice", "message": "O."}, {"code": "twice", "message": "P."}]',
    );
    expect(reasons).toEqual({ twice: [at("allow", 4), at("deny", 5), at("all", 6)] });
  });

  it("is taken from METADATA where the code is computed, and is a fault where that says nothing", () => {
    const computed = 'deny contains {"code": concat("-", [x, "late"]), "message": "M."} if some x in input.a';
    expect(found(computed)).toMatchObject({ reasons: {}, unsaid: [at("deny", 4)] });
    expect(found("# METADATA", "# custom:", "#   codes: [too-late, very-late]", computed)).toMatchObject({
      reasons: { "too-late": [at("deny", 7)], "very-late": [at("deny", 7)] },
      unsaid: [],
    });
  });

  it("is nothing of objects that are no reasons", () => {
    expect(found('deny contains {"code": "x"} if input.message', "allow := input.code").reasons).toEqual({});
  });

  it("comes out the same from any folder, sorted", () => {
    const lines = ['b := {"code": "b", "message": "M."}', 'a := {"code": "a", "message": "M."}'];
    expect(Object.keys(found(...lines).reasons)).toEqual(["a", "b"]);
  });

  it("is OPA's fault where the file is no Rego", () => {
    expect(() => found("deny contains")).toThrow(/night\.rego:5: rego_parse_error/);
  });
});
