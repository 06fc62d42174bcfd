import { inject } from "vitest";
import { cliSuite } from "./cli-suite.ts";

// Its exit codes: https://docs.aws.amazon.com/cli/latest/userguide/cli-usage-returncodes.html
cliSuite("AWS CLI v2", {
  command: inject("awsClients").cliV2,
  refusedCode: 254,
  attempts: 3,
  yaml: true,
});
