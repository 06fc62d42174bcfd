import { defineConfig } from "vitest/config";

// npm run test:aws-clients: AWS's own command lines, boto3 and SDK at the door. Takes minutes; needs Python 3 with venv, and
// an AWS CLI v2 or Debian's apt. One part alone: npm run test:aws-clients -- boto3
export default defineConfig({
  test: {
    include: ["test/aws/clients/*.client.ts"],
    globalSetup: ["test/aws/clients/setup.ts", "test/fixture/postgres-global.ts"],
    // Clients wait more than they work.
    maxWorkers: 3,
    testTimeout: 180_000,
    hookTimeout: 120_000,
  },
});
