import { defineConfig } from "vitest/config";
import { threadFlags } from "../../scripts/node24.mjs";

// npm run test:faults: real processes that are killed, full, broken and hung disks, power cuts. Takes minutes; needs Linux,
// strace and root. One part alone: npm run test:faults -- power-loss
export default defineConfig({
  test: {
    execArgv: [...threadFlags],
    include: ["test/faults/**/*.fault.ts"],
    globalSetup: ["test/fixture/postgres-global.ts", "test/faults/summary.ts"],
    fileParallelism: false,
    testTimeout: 1_800_000,
    hookTimeout: 120_000,
  },
});
