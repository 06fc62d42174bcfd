import { describe, expect, test } from "vitest";
import { principalOfAwsIdentity } from "../../../src/authn/sts/aws-identity.ts";
import { readStsAnswer } from "../../../src/authn/sts/sts-answer.ts";
import { allOf, refusal } from "../../fixture/errors.ts";
import { account, alice } from "./proofs.ts";
import { errorXml, identityXml } from "./strict-sts.ts";

const terms = { accounts: [account], userKind: "human", trustUserNames: true, ownAccount: account } as const;
const identity = (arn: string, of = account) => principalOfAwsIdentity({ account: of, arn }, terms);

describe("the principal of an AWS identity", () => {
  test.each([
    [`arn:aws:iam::${account}:user/Bob`, "user/Bob", "human", "Bob"],
    [`arn:aws:iam::${account}:user/team/ops/Bob`, "user/team/ops/Bob", "human", "Bob"],
    [`arn:aws-cn:iam::${account}:user/a+b=c,d.e@f-g_h`, "user/a+b=c,d.e@f-g_h", "human", "a+b=c,d.e@f-g_h"],
    [`arn:aws:sts::${account}:assumed-role/deployer/i-0abcdef`, "assumed-role/deployer", "service", undefined],
    [
      `arn:aws-us-gov:sts::${account}:assumed-role/AWSReservedSSO_Ops_1a/al@x.org`,
      "assumed-role/AWSReservedSSO_Ops_1a",
      "service",
      undefined,
    ],
  ])("%s", (arn, id, kind, userName) => {
    const principal = identity(arn);
    expect(principal).toEqual({
      id,
      issuer: `sts:${account}`,
      kind,
      ...(userName !== undefined && { userName }),
      groups: [],
      authn: "sts",
    });
    expect(Object.isFrozen(principal) && Object.isFrozen(principal.groups)).toBe(true);
  });

  test("is the same for every session of a role", () => {
    const sessions = ["one", "two"].map((name) => identity(`arn:aws:sts::${account}:assumed-role/deployer/${name}`));
    expect(sessions[0]).toEqual(sessions[1]);
  });

  test.each([
    [`arn:aws:iam::${account}:root`],
    [`arn:aws:sts::${account}:assumed-root`],
    [`arn:aws:sts::${account}:federated-user/Bob`],
    [`arn:aws:sts::${account}:user/Bob`],
    [`arn:aws:iam::${account}:role/deployer`],
    [`arn:aws:iam::${account}:assumed-role/deployer/one`],
    [`arn:aws:sts::${account}:assumed-role/deployer`],
    [`arn:aws:sts::${account}:assumed-role/deployer/one/two`],
    [`arn:aws:sts::${account}:assumed-role//one`],
    [`arn:aws:iam::${account}:user/`],
    [`arn:aws:iam::${account}:user//Bob`],
    [`arn:aws:iam::${account}:user/Bob/`],
    [`arn:aws:iam::${account}:user/a b`],
    [`arn:aws:iam::${account}:user/&lt;Arn&gt;/Bob`],
    [`arn:aws:iam::${account}:user/Bob\n`],
    [`arn:aws:iam::${account}:user/${"p".repeat(300)}/Bob`],
    [`arn:aws:iam:eu-central-1:${account}:user/Bob`],
    ["arn:aws:iam::210987654321:user/Bob"],
    [`arn:evil:iam::${account}:user/Bob`],
    [""],
  ])("is nobody: %j", async (arn) => {
    expect((await refusal(() => identity(arn))).code).toBe("unauthenticated");
  });

  test("is nobody in an account that is not let in, even where the ARN says another", async () => {
    const arn = "arn:aws:iam::210987654321:user/Bob";
    expect((await refusal(() => identity(arn, "210987654321"))).code).toBe("unauthenticated");
    expect((await refusal(() => identity(`arn:aws:iam::${account}:user/Bob`, "210987654321"))).code).toBe(
      "unauthenticated",
    );
  });

  test("owns no credentials of an IAM user unless the configuration says so, and those of the own account only", () => {
    const of = (changes: object) => principalOfAwsIdentity({ account, arn: alice.arn }, { ...terms, ...changes });
    expect(of({})).toHaveProperty("userName", "alice");
    expect(of({ trustUserNames: false })).not.toHaveProperty("userName");
    expect(of({ ownAccount: "210987654321" })).not.toHaveProperty("userName");
    expect(of({ userKind: "bot" })).toHaveProperty("kind", "bot");
  });
});

describe("an answer of STS", () => {
  const right = identityXml(alice.arn);

  test("that is as the API reference has it names the caller", () => {
    const arnLast = right.replace(/(<Arn>[^<]*<\/Arn>)\s*(.*<\/Account>)/s, "$2$1");
    expect(arnLast).toMatch(/<\/Account><Arn>/);
    for (const text of [
      right,
      arnLast,
      right.replace(/>\s+</g, "><"),
      `<?xml version="1.0" encoding="UTF-8"?>\n${right}`,
    ]) {
      expect(readStsAnswer({ status: 200, text })).toEqual({ account, arn: alice.arn });
    }
  });

  test.each<[string, number, string]>([
    ["a status of 201", 201, right],
    ["no status", 0, right],
    ["a redirect", 302, right],
    ["an error's status with an identity", 403, right],
    ["nothing in it", 200, ""],
    [
      "JSON in it",
      200,
      JSON.stringify({ GetCallerIdentityResponse: { GetCallerIdentityResult: { Arn: alice.arn, Account: account } } }),
    ],
    ["JSON around it", 200, JSON.stringify({ text: right })],
    ["HTML around it", 200, `<html>${right}</html>`],
    ["something before it", 200, `<!-- -->${right}`],
    ["something after it", 200, `${right}<GetCallerIdentityResponse/>`],
    ["a document type", 200, `<!DOCTYPE x [<!ENTITY a "b">]>${right}`],
    ["another answer in it", 200, right.replaceAll("GetCallerIdentity", "GetAccessKeyInfo")],
    ["another namespace", 200, right.replace("sts.amazonaws.com", "sts.attacker.example")],
    ["a namespace that looks alike", 200, right.replace("sts.amazonaws", "stsxamazonaws")],
    ["two ARNs", 200, right.replace("<UserId>", `<Arn>arn:aws:iam::${account}:user/Bob</Arn><UserId>`)],
    [
      "two ARNs and no user id",
      200,
      right.replace(/<UserId>.*<\/UserId>/, `<Arn>arn:aws:iam::${account}:user/Bob</Arn>`),
    ],
    ["two accounts and no ARN", 200, right.replace(/<Arn>.*<\/Arn>/, "<Account>210987654321</Account>")],
    ["two accounts", 200, right.replace("</Account>", "</Account><Account>210987654321</Account>")],
    ["an ARN with an element in it", 200, right.replace("team/alice", "team/<b/>alice")],
    ["an account of thirteen digits", 200, right.replace(`<Account>${account}`, `<Account>1${account}`)],
    ["half of it", 200, right.slice(0, -30)],
    ["a comment in it", 200, right.replace("<UserId>", "<!-- --><UserId>")],
    ["an error that is none", 403, "<html>Forbidden</html>"],
    ["an identity in an error's place", 200, errorXml("AccessDenied")],
    ["throttling", 400, errorXml("Throttling")],
    ["throttling, in longer words", 400, errorXml("ThrottlingException")],
    ["too many requests", 429, errorXml("TooManyRequestsException")],
    ["a limit", 400, errorXml("RequestLimitExceeded")],
    ["a fault of its own", 500, errorXml("InternalFailure")],
    ["a break", 503, errorXml("ServiceUnavailable")],
  ])("with %s says nothing of the caller", (_what, status, text) => {
    const act = () => readStsAnswer({ status, text });
    expect(act).toThrow(/^STS answered \d+/);
    expect(act).not.toThrow(expect.objectContaining({ name: "LockkeeperError" }));
  });

  test.each([
    [403, "SignatureDoesNotMatch"],
    [403, "InvalidClientTokenId"],
    [403, "ExpiredToken"],
    [400, "IncompleteSignature"],
    [400, "RequestExpired"],
    [403, "AccessDenied"],
  ])("of %i, %s refuses the caller, and tells the operator why", async (status, code) => {
    const error = await refusal(() => readStsAnswer({ status, text: errorXml(code) }));
    expect(error.code).toBe("unauthenticated");
    expect(error.message).not.toContain(code);
    expect(allOf(error)).toContain(`STS refused the proof: ${code}`);
  });
});
