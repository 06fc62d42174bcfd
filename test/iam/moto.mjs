// Runs the IAM adapter's suite against moto, an implementation of IAM by others.
import { besideMoto } from "../fixture/moto-server.mjs";

process.exitCode = await besideMoto("test/iam/adapter.test.ts", ({ endpoint }) => ({
  LOCKKEEPER_TEST_IAM_ENDPOINT: endpoint,
}));
