#!/usr/bin/env node
// Checks policies/: formatting, types against the schemas, the built-ins they call, their tests and what those cover.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { root } from "./node24.mjs";
import { runOpa } from "./opa.mjs";
import { reasonsIn } from "./policy-reasons.mjs";

const POLICIES = "policies/lockkeeper";
const CASES_TEST = "test/policy/cases_test.rego";
const TESTS = [POLICIES, CASES_TEST, "cases:test/policy/cases.json", "sandbox:src/sandbox/site.json"];
const CAPABILITIES = "policies/capabilities.json";
const V1 = (command) => [command, "--v1-compatible"];

const checks = [
  {
    what: "formatting",
    // Not --v1-compatible: it would take `import rego.v1` out.
    args: ["fmt", "--rego-v1", "--fail", "--list", POLICIES, CASES_TEST],
    hint: "Run `opa fmt --rego-v1 --write` on these files.",
  },
  {
    what: "types and built-ins",
    args: [...V1("check"), "--strict", "--schema", "policies/schemas", "--capabilities", CAPABILITIES, POLICIES],
    hint: "The types of input and data.site are in policies/schemas, the built-ins in policies/capabilities.json.",
  },
  { what: "tests", args: [...V1("test"), ...TESTS] },
  {
    what: "coverage",
    args: [...V1("test"), "--coverage", ...TESTS],
    fault: uncoveredLines,
    hint: "Every line of a policy is to be reached by a test.",
  },
  {
    what: "reasons",
    fault: unsaidCodes,
    hint: "Write the code out, or name the codes above the rule in METADATA: `custom: { codes: [...] }`.",
  },
];

/** The lines that no test reaches, one file a line; empty when there are none. `--threshold` would not say which. */
function uncoveredLines(report) {
  return Object.entries(JSON.parse(report).files)
    .filter(([, { not_covered }]) => not_covered)
    .map(([file, { not_covered }]) => {
      const ranges = not_covered.map(({ start, end }) =>
        start.row === end.row ? start.row : `${start.row}-${end.row}`,
      );
      return `${file}: ${ranges.join(", ")}`;
    })
    .join("\n");
}

/** The rules that compute a reason's code and do not say which codes: nobody could be told where these come from. */
function unsaidCodes() {
  const files = readdirSync(join(root, POLICIES), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".rego") && !file.endsWith("_test.rego"))
    .sort();
  return reasonsIn(join(root, POLICIES), files)
    .unsaid.map(({ rule, file, line }) => `${POLICIES}/${file}:${line}: ${rule} computes a code`)
    .join("\n");
}

try {
  for (const { what, args, fault = () => "", hint = "" } of checks) {
    const { ok, output } = args === undefined ? { ok: true, output: "" } : runOpa(args, { cwd: root });
    const wrong = ok ? fault(output) : output;
    console.log(`policies: ${what} ${wrong === "" ? "ok" : "FAILED"}`);
    if (wrong === "") continue;
    console.error(`${wrong.trim()}\n${hint}`.trim());
    process.exitCode = 1;
  }
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
