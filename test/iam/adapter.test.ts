import { describe } from "vitest";
import { motoTestAccount, sandboxTestAccount } from "./accounts.ts";
import { adapterSuite } from "./adapter-suite.ts";

/** Where moto listens; without it, the suite runs against the sandbox. */
const moto = process.env["LOCKKEEPER_TEST_IAM_ENDPOINT"];

if (moto === undefined) {
  describe("the IAM adapter against the sandbox", () => adapterSuite(sandboxTestAccount, []));
} else {
  describe(`the IAM adapter against moto at ${moto}`, () =>
    adapterSuite(() => motoTestAccount(moto), ["service-specific-credential", "paging", "validation"]));
}
