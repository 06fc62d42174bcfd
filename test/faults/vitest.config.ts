import { defineConfig } from "vitest/config";
import { threadFlags } from "../../scripts/node24.mjs";

// npm run test:faults: real processes that are killed, full, broken and hung disks, power cuts. Takes minutes; needs Linux,
// strace and root. One part alone: npm run test:faults -- power-loss
export default defineConfig({
  test: {
    execArgv: [...threadFlags],
    include: [
      "test/faults/**/*.fault.ts",
      // What else such a log must stand needs neither root nor processes to kill, so that npm test runs it too: tampering
      // with either store, two reconcilers, hostile bodies, secrets in every input, a second implementation.
      "test/audit/verify/*.test.ts",
      "test/changes/reconcile.test.ts",
      "test/audit/record-hostile.test.ts",
      "test/canary.test.ts",
      "test/second-implementation/*.test.ts",
    ],
    globalSetup: ["test/fixture/postgres-global.ts", "test/faults/summary.ts"],
    fileParallelism: false,
    testTimeout: 1_800_000,
    hookTimeout: 120_000,
  },
});
