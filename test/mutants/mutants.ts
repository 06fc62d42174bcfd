// npm run test:mutants [-- NAME ...]: breaks the code on purpose, one committed patch at a time, and expects the test that the patch
// names to fail. A patch that no longer applies, or whose test does not fail, is a fault.
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const root = join(import.meta.dirname, "..", "..");

interface Mutant {
  readonly file: string;
  /** What is broken, in a sentence. */
  readonly says: string;
  /** The test file and the full name of the test that must fail. */
  readonly testFile: string;
  readonly testName: string;
}

/** The lines above the diff: `Mutant: …`, `Test: FILE`, `Name: FULL NAME`. */
function readMutant(file: string): Mutant {
  const text = readFileSync(file, "utf8");
  const field = (name: string) => {
    const value = new RegExp(`^${name}: (.+)$`, "m").exec(text)?.[1];
    if (value === undefined) throw new Error(`${file} has no line "${name}: …"`);
    return value;
  };
  return { file, says: field("Mutant"), testFile: field("Test"), testName: field("Name") };
}

/** The sources as they are in the working tree, in a folder of their own; what is installed and compiled is shared. */
function copyOfSources(): string {
  const copy = mkdtempSync(join(tmpdir(), "lockkeeper-mutant-"));
  const listed = execFileSync("git", ["ls-files", "-z"], { cwd: root, encoding: "utf8" });
  for (const path of listed.split("\0").filter((name) => name !== "")) {
    mkdirSync(dirname(join(copy, path)), { recursive: true });
    copyFileSync(join(root, path), join(copy, path));
  }
  for (const shared of ["node_modules", "build"]) symlinkSync(join(root, shared), join(copy, shared));
  return copy;
}

/** Full names of the tests of one file that passed and failed. */
function runTests(folder: string, testFile: string, testName: string) {
  const report = join(folder, "report.json");
  rmSync(report, { force: true });
  const pattern = `^${testName.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`;
  const { stderr } = spawnSync(
    process.execPath,
    ["node_modules/vitest/vitest.mjs", "run", testFile, "-t", pattern, "--reporter=json", `--outputFile=${report}`],
    { cwd: folder, encoding: "utf8" },
  );
  let results: { testResults: { assertionResults: { status: string; fullName: string }[] }[] };
  try {
    results = JSON.parse(readFileSync(report, "utf8"));
  } catch {
    throw new Error(`vitest gave no report for ${testFile}: ${stderr}`);
  }
  const all = results.testResults.flatMap(({ assertionResults }) => assertionResults);
  const named = (status: string) => all.filter((one) => one.status === status).map(({ fullName }) => fullName);
  return { passed: named("passed"), failed: named("failed") };
}

const asked = process.argv.slice(2).map((name) => `${name}.patch`);
const mutants = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith(".patch") && (asked.length === 0 || asked.includes(name)))
  .sort()
  .map((name) => readMutant(join(import.meta.dirname, name)));

const faults: string[] = [];
const clean = copyOfSources();
try {
  for (const { file, says, testFile, testName } of mutants) {
    const copy = copyOfSources();
    try {
      // The test must pass without the mutant, or its failure would prove nothing.
      if (!runTests(clean, testFile, testName).passed.includes(testName)) {
        throw new Error(`the test does not pass without the mutant: ${testFile}: ${testName}`);
      }
      execFileSync("git", ["apply", "--whitespace=nowarn", file], { cwd: copy, stdio: "pipe" });
      const { failed } = runTests(copy, testFile, testName);
      if (!failed.includes(testName)) throw new Error(`SURVIVED: ${testFile} does not fail: ${testName}`);
      console.log(`killed    ${says}`);
    } catch (error) {
      faults.push(says);
      console.log(`FAULT     ${says}\n          ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      rmSync(copy, { recursive: true, force: true });
    }
  }
} finally {
  rmSync(clean, { recursive: true, force: true });
}
console.log(`${mutants.length - faults.length} of ${mutants.length} mutants killed.`);
process.exit(faults.length === 0 && mutants.length > 0 ? 0 : 1);
