import { describe, expect, it } from "vitest";
import { ownUserNames } from "../../src/iam/own-user.ts";

const account = "123456789012";
const as = (arn: string, ownUserName?: string) =>
  ownUserNames(
    { callerIdentity: async () => ({ account: /::([0-9]{12}):/.exec(arn)?.[1] ?? "", arn }) },
    { account, ownUserName, readDeadlineMs: 1_000 },
  );

describe("the gateway's own user", () => {
  it.each([
    ["a user", `arn:aws:iam::${account}:user/gate`, ["gate"]],
    ["a user with a path", `arn:aws-cn:iam::${account}:user/ops/eu/gate`, ["gate"]],
    ["a role", `arn:aws:sts::${account}:assumed-role/Lockkeeper/i-0123`, []],
  ])("is found where it is %s", async (_what, arn, names) => {
    expect(await as(arn)).toEqual(names);
  });

  it("has both names when another one is configured than the one that was found", async () => {
    expect(await as(`arn:aws:iam::${account}:user/gate`, "lockkeeper")).toEqual(["lockkeeper", "gate"]);
    expect(await as(`arn:aws:sts::${account}:assumed-role/Lockkeeper/i-0123`, "lockkeeper")).toEqual(["lockkeeper"]);
  });

  it("is not the account's root", async () => {
    await expect(as(`arn:aws:iam::${account}:root`)).rejects.toMatchObject({
      code: "configuration",
      message: expect.stringContaining("those of the account's root"),
    });
  });

  it("is of the configured account", async () => {
    await expect(as("arn:aws:iam::210987654321:user/gate")).rejects.toMatchObject({
      code: "configuration",
      message: expect.stringContaining("belong to account 210987654321, but iam.account is 123456789012"),
    });
  });
});
