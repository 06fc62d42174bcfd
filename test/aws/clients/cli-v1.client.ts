import { inject } from "vitest";
import { cliSuite } from "./cli-suite.ts";

// Its exit codes: https://docs.aws.amazon.com/cli/v1/userguide/cli-usage-returncodes.html
cliSuite("AWS CLI v1", {
  command: inject("awsClients").python?.cliV1,
  refusedCode: 255,
  attempts: 5,
  yaml: false,
});
