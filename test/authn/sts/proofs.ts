import { stsAuthorization } from "../../../docs/examples/sts-proof.ts";
import type { Principal } from "../../../src/authn/principal.ts";
import { type CallerIdentityOptions, createCallerIdentityProof } from "../../../src/authn/sts/caller-identity.ts";
import type { StsConfig } from "../../../src/config.ts";
import { type Signing, signed } from "../../aws/sigv4/signer.ts";

export const account = "123456789012";
export const alice = {
  accessKeyId: "AKIAALICE00000000001",
  secretAccessKey: "the-secret-of-alice",
  arn: `arn:aws:iam::${account}:user/team/alice`,
};
export const bob = {
  accessKeyId: "AKIABOB0000000000001",
  secretAccessKey: "the-secret-of-bob",
  arn: `arn:aws:iam::${account}:user/Bob`,
};

export type Headers = Record<string, string>;

/** What an operator could have written. */
export function stsConfig(endpoint: string, changes: Partial<StsConfig> = {}): StsConfig {
  return {
    enabled: true,
    endpoint,
    region: "eu-central-1",
    serverId: "lockkeeper.example.com",
    accounts: [account],
    userKind: "human",
    trustUserNames: false,
    timeoutMs: 5_000,
    ...changes,
  };
}

/** What looks at proofs, of callers at one address where none is named. */
export function proverFrom(options: CallerIdentityOptions): (proof: string, sourceIp?: string) => Promise<Principal> {
  const prove = createCallerIdentityProof(options);
  return (proof, sourceIp = "192.0.2.1") => prove(proof, sourceIp);
}

/** The proof of a caller who does everything as the documentation says. */
export async function proofOf(
  key: { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string },
  { endpoint, region, serverId }: Pick<StsConfig, "endpoint" | "region" | "serverId">,
  now: number,
): Promise<string> {
  const authorization = await stsAuthorization({
    credentials: key,
    endpoint,
    region,
    serverId,
    signedAt: new Date(now),
  });
  return authorization.replace("AWS-STS ", "");
}

export function encoded(content: unknown): string {
  return Buffer.from(typeof content === "string" ? content : JSON.stringify(content)).toString("base64url");
}

export function headersIn(proof: string): Headers {
  return (JSON.parse(Buffer.from(proof, "base64url").toString()) as { headers: Headers }).headers;
}

/** The proof with something changed after it was signed. */
export function tampered(proof: string, change: (headers: Headers) => Headers): string {
  return encoded({ headers: change(headersIn(proof)) });
}

export function basicDate(now: number): string {
  return new Date(now).toISOString().replace(/[-:]|\.\d{3}/g, "");
}

/**
 * A proof whose signature is right whatever it signs, made by a signer of the tests' own: what is refused of these is
 * refused for what it says.
 * @param added headers beside the ordinary ones, or others in their place
 */
export function forged(
  { endpoint, region, serverId }: Pick<StsConfig, "endpoint" | "region" | "serverId">,
  now: number,
  added: Headers = {},
  changes: Partial<Signing> = {},
): string {
  const date = basicDate(now);
  const all: Headers = {
    host: new URL(endpoint).host,
    "content-type": "application/x-www-form-urlencoded",
    "x-amz-date": date,
    "x-lockkeeper-server-id": serverId,
    ...added,
  };
  const headers = Object.entries(all).map(([name, value]): [string, string] => [name, value]);
  const body = "Action=GetCallerIdentity&Version=2011-06-15";
  const { request } = signed({ ...alice, target: "/", region, service: "sts", date, headers, body, ...changes });
  return encoded({ headers: Object.fromEntries(request.headers.map(([name, value]) => [name.toLowerCase(), value])) });
}
