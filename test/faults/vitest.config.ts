import { defineConfig } from "vitest/config";

// npm run test:faults: real processes that are killed, full and hung disks. Takes minutes; needs Linux, strace and root.
export default defineConfig({
  test: {
    include: ["test/faults/**/*.fault.ts"],
    fileParallelism: false,
    testTimeout: 1_800_000,
    hookTimeout: 120_000,
  },
});
