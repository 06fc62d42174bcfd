#!/usr/bin/env node
// Runs the tests, and runs those again of which nobody knows anything because Node.js itself has ended under them.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { node24, root } from "./node24.mjs";

/** What V8 says when it loses count of its code pages: see `threadFlags` in node24.mjs. */
const ENGINE_FAULT = "Check failed: jit_page.has_value()";
/** How often it may do that in one run. Twice in a row has not been seen. */
const TRIES = 2;

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
      `\nNode.js itself has ended (V8: ${ENGINE_FAULT}, https://github.com/nodejs/node/issues/64500).\n` +
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
  // One error outside of any test: the engine's end.
  if (exitCode === 0 || !said.includes(ENGINE_FAULT) || !said.includes("caught 1 unhandled error")) return [];
  const { numFailedTests, numFailedTestSuites, testResults } = JSON.parse(readFileSync(report, "utf8"));
  if (numFailedTests > 0 || numFailedTestSuites > 0) return [];
  // Tests that were begun, or were to begin; skipped ones are `skipped`.
  const cutOff = testResults.filter(({ assertionResults }) =>
    assertionResults.some(({ status }) => status === "pending"),
  );
  return cutOff.map(({ name }) => relative(root, name));
}

/** @param {readonly string[]} args what follows `vitest run` */
function vitest(args) {
  const report = join(folder, "report.json");
  const script = join(root, "node_modules", "vitest", "vitest.mjs");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  return new Promise((resolve, reject) => {
    const child = spawn(node24(), [script, "run", ...reporters, ...args], {
      cwd: root,
      stdio: ["inherit", "pipe", "pipe"],
    });
    let said = "";
    for (const [from, to] of [
      [child.stdout, process.stdout],
      [child.stderr, process.stderr],
    ]) {
      from.on("data", (bytes) => {
        to.write(bytes);
        said = (said + bytes).slice(-1_000_000);
      });
    }
    child.on("error", reject);
    child.on("close", (code) => resolve({ exitCode: code ?? 1, said, report }));
  });
}
