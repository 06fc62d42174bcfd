import { CreateAccessKeyCommand, CreateRoleCommand, CreateUserCommand, IAMClient } from "@aws-sdk/client-iam";
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";

const region = "eu-central-1";

function clientsOf(endpoint: string, credentials: { accessKeyId: string; secretAccessKey: string }) {
  return {
    iam: new IAMClient({ endpoint, region: "us-east-1", credentials, maxAttempts: 1 }),
    sts: new STSClient({ endpoint, region, credentials, maxAttempts: 1 }),
  };
}

/** Two users with a key each, and a session of a role: six actions, for which moto wants no signature yet. */
export async function motoCallers(endpoint: string) {
  const { iam, sts } = clientsOf(endpoint, { accessKeyId: "AKIANOBODY0000000001", secretAccessKey: "any" });
  const userWithKey = async (UserName: string, Path: string) => {
    await iam.send(new CreateUserCommand({ UserName, Path }));
    const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }));
    return keyOf(AccessKey);
  };
  const alice = await userWithKey("alice", "/team/");
  const bob = await userWithKey("Bob", "/");
  const trust = JSON.stringify({ Version: "2012-10-17", Statement: [] });
  const { Role } = await iam.send(
    new CreateRoleCommand({ RoleName: "deployer", Path: "/ci/", AssumeRolePolicyDocument: trust }),
  );
  const { Credentials } = await sts.send(new AssumeRoleCommand({ RoleArn: Role?.Arn, RoleSessionName: "run-4711" }));
  return { alice, bob, role: { ...keyOf(Credentials), sessionToken: Credentials?.SessionToken ?? "" } };
}

/** Whether this STS looks at signatures at all. */
export async function checksSignatures(endpoint: string, accessKeyId: string): Promise<boolean> {
  const { sts } = clientsOf(endpoint, { accessKeyId, secretAccessKey: "wrong" });
  return sts.send(new GetCallerIdentityCommand({})).then(
    () => false,
    (error) => error instanceof Error && error.name.startsWith("SignatureDoesNotMatch"),
  );
}

function keyOf(key: { AccessKeyId?: string | undefined; SecretAccessKey?: string | undefined } | undefined) {
  return { accessKeyId: key?.AccessKeyId ?? "", secretAccessKey: key?.SecretAccessKey ?? "" };
}
