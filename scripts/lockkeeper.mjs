#!/usr/bin/env node
// The `lockkeeper` command from a checkout: compiles the policies when their sources changed, then runs src/main.ts.
import { join } from "node:path";
import { buildPolicies } from "./build-policies.mjs";
import { root, runOnNode24, serviceFlags } from "./node24.mjs";

const [command, ...args] = process.argv.slice(2);
if (command === "serve" || command === "config") {
  try {
    buildPolicies();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
}
runOnNode24([...serviceFlags, join(root, "src", "main.ts"), ...(command === undefined ? [] : [command]), ...args]);
