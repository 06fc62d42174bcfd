// node scripts/run.mjs TOOL [ARG ...]: runs a script (a path) or an installed tool (a package's bin) on Node.js 24.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root, runOnNode24 } from "./node24.mjs";

/** The JavaScript file behind a tool's name, as the tool's own package.json says. */
function binOf(tool) {
  const packageName = { biome: "@biomejs/biome", redocly: "@redocly/cli", tsc: "typescript" }[tool] ?? tool;
  const folder = join(root, "node_modules", packageName);
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return join(folder, typeof manifest.bin === "string" ? manifest.bin : manifest.bin[tool]);
}

const [tool, ...args] = process.argv.slice(2);
if (tool === undefined) {
  console.error("usage: node scripts/run.mjs TOOL|FILE [ARG ...]");
  process.exit(2);
}
runOnNode24([existsSync(tool) ? tool : binOf(tool), ...args]);
