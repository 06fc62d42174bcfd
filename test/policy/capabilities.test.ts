import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Evaluator, jsonBytes } from "../../src/policy/evaluator.ts";
import { opaEval } from "./opa-eval.ts";
import { compileRego } from "./policies.ts";

/** A type as `opa capabilities` writes it. */
interface RegoType {
  readonly type: string;
  readonly of?: readonly RegoType[] | RegoType;
}
interface Builtin {
  readonly name: string;
  readonly infix?: string;
  readonly decl: { readonly args?: readonly RegoType[] };
}

const { builtins }: { builtins: readonly Builtin[] } = JSON.parse(readFileSync("policies/capabilities.json", "utf8"));

/** Syntax, and what asks about the policy itself: they take no values, so they are tried as they stand. */
const asTheyStand: Readonly<Record<string, string>> = {
  assign: "[x | x := input.one]",
  eq: "[x | input.one = x]",
  "internal.member_2": "[input.one in [1], 2 in {input.one}, 1 in {3: input.one}]",
  "internal.member_3": "[(0, input.one in [1]), (3, input.one in {3: 2})]",
  "rego.metadata.chain": "count(rego.metadata.chain())",
  "rego.metadata.rule": "rego.metadata.rule()",
  walk: 'sort([concat("/", path) | walk({"a": {"b": "c"}}, [path, _])])',
};

const SEED = 20_261_121;
const CALLS_EACH = 200;

// biome-ignore format: a list of odd texts
const texts = [
  "", "a", "abc", "A-B", "SEC-123", "-", " x ", "\t", "é", "ÀÉ", "😀", "a😀b", "ſ", "İ", "ß", "Σ", "K", "[a-z]+", "(", "a{2}",
  "*", "**", "{a,b}", "10", "-5", "1e3", "0x1F", "1_0", "+1", " 1", "1.50", "NaN", "null", "[1,2]", '{"a":1}', "TG9jaw==",
  "10.0.0.0/8", "10.1.2.3", "::1", "2001:db8::/32", "x".repeat(300), "\\", '"', "/", "\u2028", "a.b.c", "\u0301",
];
const numbers = [0, 1, -1, 2, 3, 10, 255, 0.5, -0.5, 1.5, 2.5, 1e3, 1e15, 2 ** 53, 1e21, 1.1e-7, 0.1, -7];
const lists = [[], [1], [3, 1, 2], ["b", "a"], [1, "a", null], [[1], [2]], [{ a: 1 }], [true, false], [0.1, 0.2]];
const objects = [
  {},
  { a: 1 },
  { a: { b: { c: [1, 2] } }, d: 2 },
  { é: 1, b: 2 },
  { a: null },
  { "x/y": 1, x: { y: 2 } },
];

function valuesOf({ type, of = [] }: RegoType): fc.Arbitrary<unknown> {
  switch (type) {
    case "string":
      return fc.constantFrom(...texts);
    case "number":
      return fc.constantFrom(...numbers);
    case "array":
      return fc.constantFrom(...lists, ["a", "é", ""]);
    case "set":
      return fc.constantFrom(...lists).map((set) => ({ set }));
    case "object":
      return fc.constantFrom(...objects);
    case "any":
      if ("length" in of && of.length > 0) return fc.oneof(...of.map(valuesOf));
      return fc.constantFrom<unknown>(...texts, ...numbers, ...lists, ...objects, true, false, null);
    default:
      return fc.constantFrom(true, false, null);
  }
}

/** Arguments on which OPA and the WebAssembly need not agree, or on which either would take very long. */
function isSpared(name: string, args: readonly unknown[]): boolean {
  if (name === "numbers.range") return args.some((each) => Math.abs(Number(each)) > 1000);
  if (name === "bits.lsh") return Number(args[1]) > 60;
  // Nothing divided by nothing is undefined in OPA and throws in WebAssembly; a PDP denies on either.
  if (name === "div") return args[0] === 0 && args[1] === 0;
  // A set has no order to be joined in; whoever joins one sorts it first.
  if (name === "concat") return !Array.isArray(args[1]);
  // A malformed pattern does not match in OPA, and is undefined in WebAssembly.
  if (name === "glob.match") return args[0] === "(";
  return false;
}

describe("the built-ins that a policy may call", () => {
  it("are those that OPA compiles into the WebAssembly itself", () => {
    const { status, stderr } = spawnSync("node", ["scripts/derive-capabilities.mjs", "--check"], { encoding: "utf8" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });

  it("answer in WebAssembly as they do in OPA, when they stand for syntax", () => {
    const terms = Object.values(asTheyStand);
    const rego = `# METADATA\n# scope: rule\n# title: metadata\ndecision := {${terms.map((term, i) => `"r${i}": ${term}`)}}`;
    const [inWasm, inOpa] = both(rego, [{ one: 1 }]);
    expect(Object.keys(inOpa[0] ?? {})).toHaveLength(terms.length);
    expect(inWasm).toEqual(inOpa);
  });

  it(`answer in WebAssembly as they do in OPA, on odd values (seed ${SEED})`, () => {
    const functions = builtins.filter(({ name }) => !(name in asTheyStand));
    expect(functions.length + Object.keys(asTheyStand).length).toBe(builtins.length);
    const calls = functions.flatMap(({ name, decl }) =>
      fc
        .sample(fc.tuple(...(decl.args ?? []).map(valuesOf)), { seed: SEED, numRuns: CALLS_EACH })
        .filter((args) => !isSpared(name, args))
        .map((args) => ({ name, args })),
    );
    const rules = functions.map(({ name, infix, decl }) => {
      const args = (decl.args ?? []).map((_, i) => `x${i}`);
      const taken = args.map((arg, i) => `${arg} := value(input.args[${i}])`).join("\n");
      const call = infix === undefined ? `${name}(${args.join(", ")})` : args.join(` ${infix} `);
      return `result := ordered(${call}) if {\ninput.name == "${name}"\n${taken}\n}`;
    });
    const rego = `
      value(x) := {y | some y in x.set} if x.set
      value(x) := x if not x.set
      ordered(x) := sort(x) if is_set(x)
      ordered(x) := x if not is_set(x)
      ${rules.join("\n")}
      default decision := "undefined"
      decision := [result]`;
    const [inWasm, inOpa] = both(rego, calls);
    const unlike = calls
      .map(({ name, args }, i) => ({ name, args, inWasm: text(inWasm[i]), inOpa: text(inOpa[i]) }))
      .filter((call) => call.inWasm !== call.inOpa);
    expect(unlike).toEqual([]);
    expect(calls.length).toBeGreaterThan(10_000);
  });
});

/** Results as text, without regard to the order of an object's keys and to the sign of zero. */
function text(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) =>
    typeof each === "object" && each !== null && !Array.isArray(each) ? Object.entries(each).sort() : each,
  );
}

/** What the rule `decision` gives for each input, in WebAssembly and in OPA. */
function both(
  rego: string,
  inputs: readonly unknown[],
): readonly [inWasm: readonly unknown[], inOpa: readonly unknown[]] {
  const evaluator = new Evaluator(compileRego(rego), {});
  const inWasm = inputs.map((input) => {
    try {
      const resultSet = evaluator.evaluate(jsonBytes(JSON.stringify(input)));
      return Array.isArray(resultSet) && resultSet.length === 1 ? resultSet[0].result : resultSet;
    } catch (thrown) {
      return thrown instanceof Error ? `thrown: ${thrown.message}` : "thrown";
    }
  });
  const folder = mkdtempSync(join(tmpdir(), "lockkeeper-builtins-"));
  try {
    const policy = join(folder, "policy.rego");
    writeFileSync(policy, `package lockkeeper\n\nimport rego.v1\n\n${rego}\n`);
    const query = "[result | some input_ in data.inputs; result := data.lockkeeper.decision with input as input_]";
    const inOpa = opaEval(query, [policy], { inputs });
    if (!Array.isArray(inOpa)) throw new Error("OPA gave no list of results");
    return [inWasm, inOpa];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
