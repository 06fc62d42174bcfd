import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/fixture/postgres-global.ts"],
    // Many tests start real servers, databases and compilers; a limit here only ends what hangs.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
