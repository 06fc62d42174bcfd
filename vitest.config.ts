import { defineConfig } from "vitest/config";
import { threadFlags } from "./scripts/node24.mjs";

export default defineConfig({
  test: {
    execArgv: [...threadFlags],
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/fixture/postgres-global.ts"],
    // Many tests start real servers, databases and compilers; a limit here only ends what hangs.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 20_000 } },
  },
});
