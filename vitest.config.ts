import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { threadFlags } from "./scripts/node24.mjs";

export default defineConfig({
  test: {
    execArgv: [...threadFlags],
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/fixture/postgres-global.ts"],
    // On a machine of two cores it would be one, which waits for disks, databases and other processes most of its time.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // Many tests start real servers, databases and compilers; a limit here only ends what hangs.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // As long as it takes: what is polled for either comes, or the test has failed.
    expect: { poll: { timeout: 20_000 } },
  },
});
