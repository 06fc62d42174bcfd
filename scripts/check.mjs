// npm run check: everything that can be said about the sources without running them. All steps run; any fault fails.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { node24, root } from "./node24.mjs";

const tool = (...args) => [process.execPath, join(root, "scripts", "run.mjs"), ...args];
const generated = join(mkdtempSync(join(tmpdir(), "lockkeeper-check-")), "openapi.ts");

const steps = {
  "lint, formatting, import rules (Biome)": tool("biome", "check", "--error-on-warnings"),
  "types (TypeScript)": tool("tsc"),
  "OpenAPI lint (Redocly)": tool("redocly", "lint", "openapi.yaml"),
  "generated types (openapi-typescript)": tool(
    "openapi-typescript",
    "openapi.yaml",
    "--empty-objects-unknown",
    "--output",
    generated,
  ),
  "unused code (knip)": tool("knip"),
  "policies (opa fmt, check --strict, test)": [process.execPath, join(root, "scripts", "check-policies.mjs")],
};

const faults = [];
node24();
for (const [name, [command, ...args]] of Object.entries(steps)) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: root, encoding: "utf8" });
  const ok = status === 0 && (!args.includes(generated) || isCurrent());
  console.log(`${ok ? "ok    " : "FAULT "} ${name}`);
  if (ok) continue;
  faults.push(name);
  console.log(`${stdout}${stderr}`);
}
rmSync(join(generated, ".."), { recursive: true });
if (faults.length > 0) {
  console.error(`${faults.length} of ${Object.keys(steps).length} checks found faults.`);
  process.exit(1);
}

/** Whether the committed types are what the contract generates. */
function isCurrent() {
  const same = readFileSync(generated, "utf8") === readFileSync(join(root, "src", "http", "openapi.ts"), "utf8");
  if (!same) console.log("src/http/openapi.ts is not what openapi.yaml generates: run npm run generate");
  return same;
}
