#!/usr/bin/env node
// The `lockkeeper` command. From a checkout it compiles the policies when their sources changed and runs src/main.ts; from
// an installed package, where Node.js strips no types, what was built for it.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { root, runOnNode24, serviceFlags } from "./node24.mjs";

const [command, ...args] = process.argv.slice(2);
const source = join(root, "src", "main.ts");
const isCheckout = existsSync(source);
if (isCheckout && (command === "serve" || command === "config")) {
  try {
    const { buildPolicies } = await import("./build-policies.mjs");
    buildPolicies();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
}
const main = isCheckout ? source : join(root, "dist", "main.js");
runOnNode24([...serviceFlags, main, ...(command === undefined ? [] : [command]), ...args]);
