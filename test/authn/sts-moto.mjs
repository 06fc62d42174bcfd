// Runs the suite of AWS callers against moto's STS, with its signature checks on, and with botocore as a caller.
import { besideMoto } from "../fixture/moto-server.mjs";

process.exitCode = await besideMoto(
  "test/authn/sts/real-callers.test.ts",
  ({ endpoint, python }) => ({ LOCKKEEPER_TEST_STS_ENDPOINT: endpoint, LOCKKEEPER_TEST_PYTHON: python }),
  // What the suite does to make users, keys and a role; from the next action on, every signature is checked.
  { INITIAL_NO_AUTH_ACTION_COUNT: "6" },
);
