import {
  GetAccessKeyLastUsedCommand,
  GetUserCommand,
  IAMClient,
  ListAccessKeysCommand,
  ListServiceSpecificCredentialsCommand,
  ListSigningCertificatesCommand,
  ListSSHPublicKeysCommand,
  ListUsersCommand,
  paginateListUsers,
  UpdateAccessKeyCommand,
  UpdateServiceSpecificCredentialCommand,
  UpdateSigningCertificateCommand,
  UpdateSSHPublicKeyCommand,
} from "@aws-sdk/client-iam";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { extraUser } from "../../../src/sandbox/iam/seed.ts";
import { awsError } from "../../fixture/aws-client.ts";
import { type Place, runClient } from "./client-process.ts";
import { accessKey, certificate, serviceCredential, sshKey } from "./lines.ts";
import { requestsAt, type Stage, startStage } from "./stage.ts";

/** The SDK with its own defaults. IAM has one region, the gateway takes any. */
function sdk({ endpoint, accessKeyId, secretAccessKey }: Place, region = "eu-central-1"): IAMClient {
  return new IAMClient({ endpoint, region, credentials: { accessKeyId, secretAccessKey } });
}

const bob = { UserName: "Bob" } as const;
const off = { Status: "Inactive" } as const;

function switchOff(user: number): UpdateAccessKeyCommand {
  const { userName, accessKeyId } = extraUser(user);
  return new UpdateAccessKeyCommand({ ...off, UserName: userName, AccessKeyId: accessKeyId });
}

describe("the AWS SDK for JavaScript", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage({ extraUsers: 120 });
  });
  afterEach(() => stage.iam.faults.clear());
  afterAll(() => stage.close());

  const sentBy = async (calls: () => Promise<unknown>) => {
    const [asked, before] = [await requestsAt(stage), stage.iam.journal.entries().length];
    await calls();
    return { requests: (await requestsAt(stage)) - asked, updates: stage.updates(before) };
  };

  it("makes the manual's changes and the other two, with its own region and its own headers", async () => {
    const service = { ...off, ServiceSpecificCredentialId: serviceCredential };
    const [oncall, sofia] = [sdk(stage.door("oncall")), sdk(stage.door("sofia"))];
    const { updates } = await sentBy(async () => {
      await oncall.send(new UpdateSigningCertificateCommand({ ...bob, ...off, CertificateId: certificate }));
      await sofia.send(new UpdateServiceSpecificCredentialCommand(service));
      await oncall.send(new UpdateServiceSpecificCredentialCommand({ ...service, UserName: "sofia" }));
      await oncall.send(new UpdateAccessKeyCommand({ ...bob, ...off, AccessKeyId: accessKey }));
      await oncall.send(new UpdateSSHPublicKeyCommand({ ...bob, ...off, SSHPublicKeyId: sshKey }));
    });
    expect(updates).toEqual([
      "UpdateSigningCertificate Inactive",
      "UpdateServiceSpecificCredential Inactive",
      "UpdateServiceSpecificCredential Inactive",
      "UpdateAccessKey Inactive",
      "UpdateSSHPublicKey Inactive",
    ]);
  });

  it("reads through the gateway what it reads without it", async () => {
    const reads = async (client: IAMClient) => {
      const answers = await Promise.all([
        client.send(new ListSigningCertificatesCommand(bob)),
        client.send(new ListServiceSpecificCredentialsCommand({ UserName: "sofia" })),
        client.send(new ListAccessKeysCommand(bob)),
        client.send(new ListSSHPublicKeysCommand(bob)),
        client.send(new GetUserCommand(bob)),
        client.send(new ListUsersCommand({ MaxItems: 5 })),
        client.send(new GetAccessKeyLastUsedCommand({ AccessKeyId: accessKey })),
      ]);
      return answers.map(({ $metadata: _, ...answer }) => answer);
    };
    expect(await reads(sdk(stage.door("viewer")))).toEqual(await reads(sdk(stage.straight, "us-east-1")));
  });

  it("pages through more users than fit on one", async () => {
    const sizes: number[] = [];
    for await (const page of paginateListUsers({ client: sdk(stage.door("viewer")), pageSize: 50 }, {})) {
      sizes.push(page.Users?.length ?? 0);
    }
    expect(sizes).toEqual([50, 50, 26]);
  });

  it.each(["/aws/ticket/SEC-123", "/aws/ticket/SEC-123/"])("takes a ticket along in %s", async (path) => {
    const on = new UpdateAccessKeyCommand({ ...bob, AccessKeyId: accessKey, Status: "Active" });
    expect(await awsError(sdk(stage.door("oncall")).send(on))).toMatchObject({
      code: "AccessDenied",
      message: expect.stringContaining("[ticket-required]"),
      attempts: 1,
    });
    expect(await sentBy(() => sdk(stage.door("oncall", path)).send(on))).toEqual({
      requests: 1,
      updates: ["UpdateAccessKey Active"],
    });
  });

  it("on a machine whose clock is wrong goes by the Date of the refusal, and then gets its way", async () => {
    const script = new URL("scripts/slow-clock.ts", import.meta.url).pathname;
    const { userName, accessKeyId } = extraUser(1);
    const env = { USER_NAME: userName, ACCESS_KEY: accessKeyId };
    const sent = await sentBy(async () => {
      const { code, stdout } = await runClient([process.execPath], [script], stage.door("oncall"), env);
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ httpStatusCode: 200, attempts: 2 });
    });
    expect(sent).toEqual({ requests: 2, updates: ["UpdateAccessKey Inactive"] });
  });

  it("gives up after three attempts when throttling stays", async () => {
    stage.iam.faults.next({ kind: "throttle", action: "Update*", times: "always" });
    const { requests } = await sentBy(async () =>
      expect(await awsError(sdk(stage.door("oncall")).send(switchOff(2)))).toMatchObject({
        code: "Throttling",
        status: 400,
        attempts: 3,
      }),
    );
    expect(requests).toBe(3);
  });

  it("asks once, whatever got lost", async () => {
    stage.iam.faults.next({ kind: "lost", action: "Update*" });
    expect(await sentBy(() => sdk(stage.door("oncall")).send(switchOff(3)))).toEqual({
      requests: 1,
      updates: ["UpdateAccessKey Inactive"],
    });
    stage.iam.faults.next({ kind: "lost", action: "Update*" });
    stage.iam.faults.next({ kind: "server-error", action: "List*", times: "always" });
    expect(
      await sentBy(async () =>
        expect(await awsError(sdk(stage.door("oncall", "/aws/ticket/SEC-123")).send(switchOff(4)))).toMatchObject({
          code: "EntityTemporarilyUnmodifiable",
          status: 409,
          attempts: 1,
        }),
      ),
    ).toEqual({ requests: 1, updates: ["UpdateAccessKey Inactive"] });
  });
});
