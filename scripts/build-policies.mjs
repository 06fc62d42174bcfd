#!/usr/bin/env node
// Compiles policies/ to build/policies/bundle.tar.gz (an OPA bundle with WebAssembly) when their sources have changed.
//   node scripts/build-policies.mjs [POLICIES OUT]
import { createHash, randomUUID } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { root } from "./node24.mjs";
import { runOpa } from "./opa.mjs";
import { filesIn } from "./policy-files.mjs";
import { reasonsIn } from "./policy-reasons.mjs";

/** What the bundle owns. The site's data is not among it: under a bundle's roots, data could become constants. */
const ROOTS = ["lockkeeper"];
const ENTRYPOINT = "lockkeeper/decision";
/** What would be needed to be allowed; policies may have it. */
const REMEDIES_ENTRYPOINT = "lockkeeper/remedies/answer";

/**
 * Compiles the policies unless the bundle that is there came from the same sources. The same sources give the same
 * bytes. Safe to be run by several processes at once.
 * @param {{ policies?: string, out?: string }} [folders] absolute paths
 * @returns {{ bundle: string, revision: string, compiled: boolean }}
 * @throws {Error} with OPA's own message when the policies do not compile
 */
export function buildPolicies({ policies = join(root, "policies"), out = join(root, "build", "policies") } = {}) {
  const sources = sourcesIn(policies);
  const digest = digestOf(policies, sources);
  const revision = digest.slice(0, 12);
  const bundle = join(out, "bundle.tar.gz");
  const stamp = join(out, "bundle.stamp");
  if (isStamped(stamp, digest, bundle)) return { bundle, revision, compiled: false };

  const work = join(out, `.work-${randomUUID()}`);
  try {
    const compiled = join(work, "bundle.tar.gz");
    stageAndCompile(policies, sources, { work, compiled, revision });
    writeFileSync(join(work, "stamp"), stampOf(digest, compiled));
    // A reader sees the old bundle or the new one. A stamp that does not fit its bundle only leads to another build.
    renameSync(compiled, bundle);
    renameSync(join(work, "stamp"), stamp);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return { bundle, revision, compiled: true };
}

/**
 * Compiles a folder of policies to a bundle of its own, to be signed and shipped.
 * @param {{ policies: string, output: string, createdAt: string, revision?: string }} options `createdAt` in RFC 3339:
 *   of two bundles the later one is the newer; without a revision, it is taken from the sources
 * @returns {{ revision: string, unsaid: { rule: string, file: string, line: number }[] }} with the rules that compute a
 *   reason's code and do not say which
 * @throws {Error} with OPA's own message when the policies do not compile
 */
export function buildBundle({ policies, output, createdAt, revision: given }) {
  const sources = sourcesIn(policies);
  const revision = given ?? digestOf(policies, sources).slice(0, 12);
  const work = join(dirname(resolve(output)), `.work-${randomUUID()}`);
  try {
    const compiled = join(work, "bundle.tar.gz");
    const { unsaid } = stageAndCompile(policies, sources, { work, compiled, revision, createdAt });
    renameSync(compiled, output);
    return { revision, unsaid };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function stageAndCompile(policies, sources, { work, compiled, revision, createdAt }) {
  const staged = join(work, "sources");
  mkdirSync(staged, { recursive: true });
  const rego = sources.filter((path) => path.endsWith(".rego"));
  for (const source of rego) cpSync(join(policies, source), join(staged, source));
  const { rules, reasons, unsaid, fault } = parsed(staged, rego);
  writeFileSync(join(staged, ".manifest"), JSON.stringify(manifestOf(policies, { createdAt, reasons })));
  const own = join(policies, "capabilities.json");
  const capabilities = existsSync(own) ? own : join(root, "policies", "capabilities.json");
  const optional = rules.has(`data.${REMEDIES_ENTRYPOINT.replaceAll("/", ".")}`) ? [REMEDIES_ENTRYPOINT] : [];
  const entrypoints = [ENTRYPOINT, ...optional];
  compile(staged, compiled, { revision, capabilities: resolve(capabilities), policies, entrypoints });
  if (fault !== undefined) throw fault;
  return { unsaid };
}

/** What cannot be parsed is left to the compiler to tell. */
function parsed(staged, rego) {
  try {
    return reasonsIn(staged, rego);
  } catch (fault) {
    return { rules: new Set(), reasons: {}, unsaid: [], fault };
  }
}

/** Everything that goes into the bundle or decides how it is compiled, relative to the policies' folder and sorted. */
function sourcesIn(policies) {
  return filesIn(policies).filter(
    (path) => (path.endsWith(".rego") && !path.endsWith("_test.rego")) || EXTRA_SOURCES.includes(path),
  );
}

const EXTRA_SOURCES = ["capabilities.json", "schemas/site.json", "selftest.json"];

function digestOf(policies, sources) {
  const hash = createHash("sha256");
  for (const script of [import.meta.url, new URL("policy-reasons.mjs", import.meta.url)]) {
    hash.update(readFileSync(new URL(script)));
  }
  for (const source of sources) {
    const content = readFileSync(join(policies, source));
    hash.update(`${source}\n${content.length}\n`).update(content);
  }
  return hash.digest("hex");
}

/**
 * The schema of the data that these policies expect travels with them, so that no other data is ever loaded; the cases
 * that they must decide as expected before they are put in force; and which rule gives which reason.
 */
function manifestOf(policies, { createdAt, reasons }) {
  const site = jsonIn(policies, "schemas/site.json");
  const selfTest = jsonIn(policies, "selftest.json");
  const lockkeeper = { ...(createdAt && { createdAt }), ...(selfTest && { selfTest }), reasons };
  return { roots: ROOTS, metadata: { dataSchemas: site ? { site } : {}, lockkeeper } };
}

function jsonIn(policies, name) {
  const file = join(policies, name);
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    throw new Error(`${file} is not valid JSON: ${cause.message}`, { cause });
  }
}

function compile(sources, output, { revision, capabilities, policies, entrypoints }) {
  const { ok, output: said } = runOpa(
    // Relative paths only: the bundle names its files by them. Without optimisation, which would make data constant.
    // biome-ignore format: one option, one line
    [
      "build", "--bundle", ".",
      "--target", "wasm",
      "--optimize", "0",
      "--v1-compatible",
      ...entrypoints.flatMap((entrypoint) => ["--entrypoint", entrypoint]),
      "--revision", revision,
      "--capabilities", capabilities,
      "--output", output,
    ],
    { cwd: sources },
  );
  if (!ok) throw new Error(`The policies in ${policies} do not compile:\n${said.trim()}`);
}

function isStamped(stamp, digest, bundle) {
  try {
    return readFileSync(stamp, "utf8") === stampOf(digest, bundle);
  } catch {
    return false;
  }
}

function stampOf(digest, bundle) {
  return `sources ${digest}\nbundle ${createHash("sha256").update(readFileSync(bundle)).digest("hex")}\n`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  try {
    const [policies, out] = process.argv.slice(2).map((path) => resolve(path));
    const { bundle, revision, compiled } = buildPolicies({ policies, out });
    if (compiled) console.log(`compiled the policies to ${relative(process.cwd(), bundle)}, revision ${revision}`);
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
