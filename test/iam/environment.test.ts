import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { type AwsIam, createIam } from "../../src/iam/client.ts";
import { sandboxAccount, sandboxCredentials } from "../../src/sandbox/iam/seed.ts";
import { type SandboxIam, startSandboxIam } from "../../src/sandbox/iam/server.ts";
import { serveHttp } from "./servers.ts";

const DEADLINE_MS = 5_000;

let stand: SandboxIam;
let iam: AwsIam;
let folder: string;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "lockkeeper-aws-"));
  // Nothing of the machine's own: no files, no instance metadata, no variables.
  for (const name of Object.keys(process.env).filter((one) => one.startsWith("AWS_"))) vi.stubEnv(name, undefined);
  vi.stubEnv("AWS_CONFIG_FILE", join(folder, "config"));
  vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", join(folder, "credentials"));
  vi.stubEnv("AWS_EC2_METADATA_DISABLED", "true");
  stand = await startSandboxIam();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  iam.close();
  await stand.close();
  rmSync(folder, { recursive: true });
});

/** The adapter as in production: credentials from wherever the SDK finds them. */
function fromEnvironment(): AwsIam {
  iam = createIam({
    endpoint: stand.url,
    stsEndpoint: stand.url,
    region: "us-east-1",
    account: sandboxAccount,
    version: "0.1.0",
    clock: systemClock,
  });
  return iam;
}
const switchOff = (timeoutMs = DEADLINE_MS) => {
  const credential = {
    type: "access-key",
    id: "AKIAIOSFODNN7EXAMPLE",
    userName: "Bob",
    account: sandboxAccount,
  } as const;
  const notAfter = Date.now() + timeoutMs;
  return iam.update({ changeId: randomUUID(), credential, status: "Inactive", notAfter }, timeoutMs);
};
const keyPair = () => {
  vi.stubEnv("AWS_ACCESS_KEY_ID", sandboxCredentials.accessKeyId);
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", sandboxCredentials.secretAccessKey);
};

describe("the SDK's environment", () => {
  it("cannot redirect a call, change its region, or have it sent twice", async () => {
    const strays: (string | undefined)[] = [];
    const decoy = await serveHttp((request, response) => {
      strays.push(request.url);
      response.writeHead(500).end();
    });
    keyPair();
    for (const name of ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_IAM", "AWS_ENDPOINT_URL_STS"]) vi.stubEnv(name, decoy);
    vi.stubEnv("AWS_REGION", "eu-central-1");
    vi.stubEnv("AWS_DEFAULT_REGION", "eu-central-1");
    vi.stubEnv("AWS_USE_FIPS_ENDPOINT", "true");
    vi.stubEnv("AWS_USE_DUALSTACK_ENDPOINT", "true");
    vi.stubEnv("AWS_MAX_ATTEMPTS", "5");
    vi.stubEnv("AWS_RETRY_MODE", "adaptive");
    vi.stubEnv("AWS_DEFAULTS_MODE", "auto");
    vi.stubEnv("AWS_AUTH_SCHEME_PREFERENCE", "sigv4a");
    vi.stubEnv("HTTP_PROXY", decoy);
    writeFileSync(
      join(folder, "config"),
      `[default]\nregion = eu-central-1\nendpoint_url = ${decoy}\nservices = decoys\nmax_attempts = 5\n` +
        `[services decoys]\niam =\n  endpoint_url = ${decoy}\nsts =\n  endpoint_url = ${decoy}\n`,
    );

    fromEnvironment();
    expect(await iam.callerIdentity(DEADLINE_MS)).toEqual({
      account: sandboxAccount,
      arn: `arn:aws:iam::${sandboxAccount}:user/lockkeeper`,
    });
    expect(await iam.list("access-key", "Bob", DEADLINE_MS)).toHaveLength(2);
    expect(await switchOff()).toMatchObject({ kind: "applied" });
    stand.faults.next({ kind: "server-error", times: "always" });
    expect(await switchOff()).toMatchObject({ kind: "unknown" });
    expect(stand.journal.calls("UpdateAccessKey")).toBe(2);
    expect(strays).toEqual([]);
  });
});

describe("credentials from the SDK's default chain", () => {
  it("are missing: the update was not sent, and the gateway cannot say who it is", async () => {
    fromEnvironment();
    expect(await switchOff()).toMatchObject({ kind: "not-sent", code: "CredentialsProviderError" });
    await expect(iam.callerIdentity(DEADLINE_MS)).rejects.toMatchObject({ code: "iam-unavailable" });
    expect(stand.journal.calls("UpdateAccessKey")).toBe(0);
  });

  it("come too late: the update was not sent, and is not sent afterwards", async () => {
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
    const metadata = await serveHttp(async (_, response) => {
      await released;
      const { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey } = sandboxCredentials;
      const Expiration = new Date(Date.now() + 3_600_000).toISOString();
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ AccessKeyId, SecretAccessKey, Token: "t", Expiration }), answer);
    });
    vi.stubEnv("AWS_CONTAINER_CREDENTIALS_FULL_URI", `${metadata}/credentials`);
    fromEnvironment();
    expect(await switchOff(200)).toMatchObject({ kind: "not-sent", code: "DeadlineExceeded" });
    release();
    await answered;
    // The next call waits for the same credentials, so the one before has had its chance to be sent by then.
    expect(await iam.list("access-key", "Bob", DEADLINE_MS)).toMatchObject([{ status: "Active" }, {}]);
    expect(stand.journal.calls("UpdateAccessKey")).toBe(0);
  });

  it("may come from STS, by requests that are none of the update's own", async () => {
    const requests: IncomingMessage[] = [];
    const tokenService = await serveHttp((request, response) => {
      requests.push(request);
      const { accessKeyId, secretAccessKey } = sandboxCredentials;
      const credentials =
        `<AccessKeyId>${accessKeyId}</AccessKeyId><SecretAccessKey>${secretAccessKey}</SecretAccessKey>` +
        `<SessionToken>t</SessionToken><Expiration>${new Date(Date.now() + 3_600_000).toISOString()}</Expiration>`;
      response.end(
        `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult>` +
          `<Credentials>${credentials}</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`,
      );
    });
    writeFileSync(join(folder, "token"), "a.web.identity");
    vi.stubEnv("AWS_WEB_IDENTITY_TOKEN_FILE", join(folder, "token"));
    vi.stubEnv("AWS_ROLE_ARN", `arn:aws:iam::${sandboxAccount}:role/lockkeeper`);
    vi.stubEnv("AWS_ENDPOINT_URL_STS", tokenService);
    fromEnvironment();
    expect(await switchOff()).toMatchObject({ kind: "applied" });
    expect(await iam.list("access-key", "Bob", DEADLINE_MS)).toMatchObject([{ status: "Inactive" }, {}]);
    // Asked once for all clients, and not in the name of a change.
    expect(requests.map(({ headers }) => headers["user-agent"])).toEqual([expect.not.stringContaining("change/")]);
  });
});
