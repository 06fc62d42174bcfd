#!/usr/bin/env node
// The `lockkeeper` command from a checkout: compiles the policies when their sources changed, then runs src/main.ts.
import { join } from "node:path";
import { root, runOnNode24 } from "./node24.mjs";

runOnNode24([join(root, "src", "main.ts"), ...process.argv.slice(2)]);
