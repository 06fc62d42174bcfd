import { readFileSync } from "node:fs";
import type { CredentialType } from "../../src/changes/credential.ts";
import { systemClock } from "../../src/clock.ts";
import { type AwsIam, createIam } from "../../src/iam/client.ts";
import { sandboxAccount, sandboxCredentials } from "../../src/sandbox/iam/seed.ts";
import { startSandboxIam } from "../../src/sandbox/iam/server.ts";
import { elementText, postQuery } from "./query.ts";

/** What a stand-in for IAM cannot do; the suite says so where it leaves something out. */
export type Gap = "service-specific-credential" | "paging" | "validation";

/** An account of its own somewhere, in which the suite makes users and credentials. */
export interface TestAccount {
  readonly name: string;
  readonly account: string;
  readonly iam: AwsIam;
  createUser(userName: string): Promise<void>;
  /** Creates an Active credential and returns its id. */
  createCredential(type: CredentialType, userName: string): Promise<string>;
  close(): Promise<void>;
}

/** The adapter as the gateway makes it, for whatever listens there. */
export function iamAt(endpoint: string, parts: Partial<Parameters<typeof createIam>[0]> = {}): AwsIam {
  return createIam({
    endpoint,
    stsEndpoint: endpoint,
    region: "us-east-1",
    account: sandboxAccount,
    version: "0.1.0",
    clock: systemClock,
    credentials: sandboxCredentials,
    ...parts,
  });
}

export async function sandboxTestAccount(): Promise<TestAccount> {
  const stand = await startSandboxIam();
  const iam = iamAt(stand.url);
  let created = 0;
  return {
    name: "the sandbox",
    account: sandboxAccount,
    iam,
    createUser: async (userName) => {
      stand.world.addUser(userName);
    },
    createCredential: async (type, userName) => {
      created += 1;
      const id = `TEST${String(created).padStart(24, "0")}`;
      stand.world.addCredential(userName, { type, id, service: "bedrock.amazonaws.com" });
      return id;
    },
    close: async () => {
      iam.close();
      await stand.close();
    },
  };
}

const uploads: Partial<Record<CredentialType, { parameters: Record<string, string>; id: string }>> = {
  "signing-certificate": {
    parameters: {
      Action: "UploadSigningCertificate",
      CertificateBody: readFileSync(new URL("certificate.pem", import.meta.url), "utf8"),
    },
    id: "CertificateId",
  },
  "access-key": { parameters: { Action: "CreateAccessKey" }, id: "AccessKeyId" },
  "ssh-public-key": {
    parameters: { Action: "UploadSSHPublicKey", SSHPublicKeyBody: "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAQQ== test" },
    id: "SSHPublicKeyId",
  },
};

/** moto, an implementation of IAM by others. */
export async function motoTestAccount(endpoint: string): Promise<TestAccount> {
  const iam = iamAt(endpoint);
  const create = async (parameters: Record<string, string>) => {
    const { status, text } = await postQuery(endpoint, parameters);
    if (status !== 200) throw new Error(`${parameters["Action"]}: HTTP ${status} ${text}`);
    return text;
  };
  return {
    name: `moto at ${endpoint}`,
    account: sandboxAccount,
    iam,
    createUser: async (userName) => {
      await create({ Action: "CreateUser", UserName: userName });
    },
    createCredential: async (type, userName) => {
      const upload = uploads[type];
      if (upload === undefined) throw new Error(`moto has no ${type}`);
      return elementText(await create({ ...upload.parameters, UserName: userName }), upload.id);
    },
    close: async () => iam.close(),
  };
}
