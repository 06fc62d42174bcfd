#!/usr/bin/env node
// Runs the tests, and runs those again of which nobody knows anything because Node.js itself has ended under them.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { environment, node24, root } from "./node24.mjs";

/** What Vitest says of a process of its own that has died: see `threadFlags` in node24.mjs for what of. */
const DIED = "Caused by: Error: Worker exited unexpectedly";
/** What makes it our fault: the tests took all memory there is. */
const OUT_OF_MEMORY = "JavaScript heap out of memory";
/** How often what it cut off is run. */
const TRIES = 3;

const given = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "lockkeeper-tests-"));
let exitCode = 1;
try {
  let unknown;
  for (let tries = 1; tries <= TRIES; tries += 1) {
    const outcome = await vitest(unknown ?? given);
    exitCode = outcome.exitCode;
    unknown = unknownFiles(outcome);
    if (unknown.length === 0) break;
    console.error(
      `\nNode.js itself has ended under tests (${lastWords(outcome.said)}; see threadFlags in scripts/node24.mjs).\n` +
        `Every test that ran has passed; nothing is known of those in ${unknown.join(", ")}: ` +
        (tries < TRIES ? "they are run again.\n" : "run them again.\n"),
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = exitCode;

/**
 * The files whose tests were cut off by the engine; none when anything else is wrong, because that counts.
 * @param {{ exitCode: number, said: string, report: string }} outcome
 * @returns {string[]}
 */
function unknownFiles({ exitCode, said, report }) {
  if (exitCode === 0 || said.includes(OUT_OF_MEMORY)) return [];
  // Errors outside of any test: as many as processes have died, or one of them was something else.
  const unhandled = Number(/caught (\d+) unhandled error/.exec(said)?.[1] ?? 0);
  if (unhandled !== said.split(DIED).length - 1) return [];
  const { numFailedTests, numFailedTestSuites, testResults } = JSON.parse(readFileSync(report, "utf8"));
  if (numFailedTests > 0 || numFailedTestSuites > 0) return [];
  // Tests that were begun, or were to begin; skipped ones are `skipped`.
  const cutOff = testResults.filter(({ assertionResults }) =>
    assertionResults.some(({ status }) => status === "pending"),
  );
  return cutOff.map(({ name }) => relative(root, name));
}

/**
 * What V8 said before it ended the process.
 * @param {string} said
 */
function lastWords(said) {
  const failed = new Set(said.match(/Check failed: .+(?=\.$)|Fatal error in .+/gm));
  return failed.size === 0 ? "it did not say why" : [...failed].join("; ");
}

/** @param {readonly string[]} args what follows `vitest run` */
function vitest(args) {
  const report = join(folder, "report.json");
  const script = join(root, "node_modules", "vitest", "vitest.mjs");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  return new Promise((resolve, reject) => {
    const child = spawn(node24(), [script, "run", ...reporters, ...args], {
      cwd: root,
      env: environment(),
      stdio: ["inherit", "pipe", "pipe"],
    });
    let said = "";
    for (const [from, to] of [
      [child.stdout, process.stdout],
      [child.stderr, process.stderr],
    ]) {
      from.on("data", (bytes) => {
        to.write(bytes);
        said += bytes;
      });
    }
    child.on("error", reject);
    child.on("close", (code) => resolve({ exitCode: code ?? 1, said: stripVTControlCharacters(said), report }));
  });
}
