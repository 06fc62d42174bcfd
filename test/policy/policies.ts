import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildPolicies } from "../../scripts/build-policies.mjs";
import { runOpa } from "../../scripts/opa.mjs";
import { type Bundle, loadBundle } from "../../src/policy/bundle.ts";
import { loadData, type PolicyData } from "../../src/policy/data.ts";
import { PolicyDecisionPoint, type PolicyFault } from "../../src/policy/pdp.ts";

/** The shipped policies, compiled when that is needed. */
export function shippedBundle(): Bundle {
  return loadBundle(buildPolicies().bundle);
}

export function sandboxData(): PolicyData {
  return loadData("src/sandbox/site.json");
}

/** The same without tags that protect: what is about no access key is decided on without any facts. */
export function lenientData(): PolicyData {
  const data = structuredClone(sandboxData()) as { site: object };
  data.site = { ...data.site, protectedTags: {} };
  return data;
}

/**
 * Compiles Rego of the test's own, with every built-in that OPA knows, also those that fail in WebAssembly.
 * @param source of package `lockkeeper` with a rule `decision`
 */
export function compileRego(source: string, { revision = "test" } = {}): Bundle {
  const folder = mkdtempSync(join(tmpdir(), "lockkeeper-rego-"));
  try {
    writeFileSync(join(folder, "policy.rego"), `package lockkeeper\n\nimport rego.v1\n\n${source}\n`);
    writeFileSync(join(folder, ".manifest"), JSON.stringify({ revision, roots: ["lockkeeper"] }));
    const bundle = join(folder, "bundle.tar.gz");
    const args = ["build", "-b", ".", "-t", "wasm", "--v1-compatible", "-e", "lockkeeper/decision", "-o", bundle];
    const { ok, output } = runOpa(args, { cwd: folder });
    if (!ok) throw new Error(output);
    return loadBundle(bundle);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A PDP on which the bundle is active, and what it has reported. */
export function pdpWith(
  bundle: Bundle,
  data: PolicyData = {},
): { readonly pdp: PolicyDecisionPoint; readonly faults: PolicyFault[] } {
  const faults: PolicyFault[] = [];
  const pdp = new PolicyDecisionPoint({ onFault: (fault) => faults.push(fault) });
  pdp.activate(bundle, data);
  return { pdp, faults };
}
