import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runOpa } from "../../scripts/opa.mjs";

/**
 * Evaluates a query of one expression with OPA itself, by one process; undefined when it is undefined.
 * @param paths of Rego and data files
 * @param documents that are to be found under these keys of `data`
 */
export function opaEval(query: string, paths: readonly string[], documents: Record<string, unknown>): unknown {
  const folder = mkdtempSync(join(tmpdir(), "lockkeeper-eval-"));
  try {
    const data = join(folder, "data.json");
    writeFileSync(data, JSON.stringify(documents));
    const files = [...paths, data].flatMap((path) => ["--data", path]);
    const { ok, output } = runOpa(["eval", "--v1-compatible", "--format", "json", ...files, query]);
    if (!ok) throw new Error(output);
    return JSON.parse(output).result?.[0].expressions[0].value;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
