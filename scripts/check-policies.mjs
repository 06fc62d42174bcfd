#!/usr/bin/env node
// Checks policies: formatting, types against the schemas, the built-ins they call, their tests and what those cover.
//   node scripts/check-policies.mjs [--quick] [FOLDER]      (default: policies/)
import { existsSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { root } from "./node24.mjs";
import { runOpa } from "./opa.mjs";
import { filesIn } from "./policy-files.mjs";
import { reasonsIn } from "./policy-reasons.mjs";

const shipped = join(root, "policies");
/** The table of cases that the shipped policies are put to besides; in an installed package it is not there. */
const CASES_TEST = join(root, "test", "policy", "cases_test.rego");
const CASES = [
  CASES_TEST,
  `cases:${join(root, "test", "policy", "cases.json")}`,
  `sandbox:${join(root, "src", "sandbox", "site.json")}`,
];
const V1 = (command) => [command, "--v1-compatible"];

/**
 * Checks a folder of policies.
 * @param {{ policies?: string, quick?: boolean, print: (line: string) => void, note: (line: string) => void }} options
 *   `quick` leaves out what says nothing of whether they work: formatting and coverage
 * @returns {boolean} whether there is nothing wrong
 * @throws {Error} when there is no compiler, or no policy
 */
export function checkPolicies({ policies = shipped, quick = false, print, note }) {
  let isGood = true;
  for (const { what, args, fault = () => "", hint = "", thorough = false } of checksOf(resolve(policies))) {
    if (quick && thorough) continue;
    const { ok, output } = args === undefined ? { ok: true, output: "" } : runOpa(args);
    const wrong = ok ? fault(output) : output;
    print(`policies: ${what} ${wrong === "" ? "ok" : "FAILED"}`);
    if (wrong === "") continue;
    note(`${wrong.trim()}\n${hint}`.trim());
    isGood = false;
    // What they cover says nothing, and OPA would only say once more which of them fail.
    if (what === "tests") break;
  }
  return isGood;
}

function checksOf(policies) {
  const rego = filesIn(policies)
    .filter((path) => path.endsWith(".rego"))
    .map((path) => join(policies, path));
  if (rego.length === 0) throw new Error(`There is no Rego in ${policies}.`);
  const [schemas, own] = [join(policies, "schemas"), join(policies, "capabilities.json")];
  const capabilities = existsSync(own) ? own : join(shipped, "capabilities.json");
  const cases = policies === shipped && existsSync(CASES_TEST) ? CASES : [];
  const formatted = [...rego, ...cases.slice(0, 1)].map(here);
  const tested = [...rego, ...cases].map(here);
  return [
    {
      what: "formatting",
      // Not --v1-compatible: it would take `import rego.v1` out.
      args: ["fmt", "--rego-v1", "--fail", "--list", ...formatted],
      hint: "Run `opa fmt --rego-v1 --write` on these files.",
      thorough: true,
    },
    {
      what: "types and built-ins",
      // biome-ignore format: one option, one line
      args: [
        ...V1("check"), "--strict",
        ...(existsSync(schemas) ? ["--schema", here(schemas)] : []),
        "--capabilities", here(capabilities),
        ...rego.map(here),
      ],
      hint: `The types of input and data.site are in ${here(schemas)}, the built-ins in ${here(capabilities)}.`,
    },
    { what: "tests", args: [...V1("test"), ...tested], fault: noTests },
    {
      what: "coverage",
      args: [...V1("test"), "--coverage", ...tested],
      fault: uncoveredLines,
      hint: "Every line of a policy is to be reached by a test.",
      thorough: true,
    },
    {
      what: "reasons",
      fault: () => unsaidCodes(policies),
      hint: "Write the code out, or name the codes above the rule in METADATA: `custom: { codes: [...] }`.",
      thorough: true,
    },
  ];
}

/** As short as it can be said from where the command was typed; with its prefix, where OPA is to load it under one. */
function here(path) {
  const [, prefix = "", file] = /^([a-z]+:)?(.+)$/.exec(path) ?? [];
  return `${prefix}${relative(process.cwd(), file ?? path) || "."}`;
}

/** OPA finds nothing wrong where there is nothing to run. */
function noTests(output) {
  return output.trim() === ""
    ? "There is no test: write one beside each policy, in a file that ends in _test.rego."
    : "";
}

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
function unsaidCodes(policies) {
  const files = filesIn(policies).filter((file) => file.endsWith(".rego") && !file.endsWith("_test.rego"));
  return reasonsIn(policies, files)
    .unsaid.map(({ rule, file, line }) => `${here(join(policies, file))}:${line}: ${rule} computes a code`)
    .join("\n");
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const args = process.argv.slice(2);
  try {
    const isGood = checkPolicies({
      policies: args.find((each) => !each.startsWith("--")),
      quick: args.includes("--quick"),
      print: console.log,
      note: console.error,
    });
    process.exitCode = isGood ? 0 : 1;
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
