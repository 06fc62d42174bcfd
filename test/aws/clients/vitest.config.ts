import { defineConfig } from "vitest/config";
import { threadFlags } from "../../../scripts/node24.mjs";

// npm run test:aws-clients: AWS's own command lines, boto3 and SDK at the door. Takes minutes; needs Python 3 with venv, and
// an AWS CLI v2 or Debian's apt. One part alone: npm run test:aws-clients -- boto3
export default defineConfig({
  test: {
    execArgv: [...threadFlags],
    include: ["test/aws/clients/*.client.ts"],
    globalSetup: ["test/aws/clients/setup.ts", "test/fixture/postgres-global.ts"],
    // Clients wait more than they work.
    maxWorkers: 3,
    testTimeout: 180_000,
    hookTimeout: 120_000,
  },
});
