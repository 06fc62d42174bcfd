import { Hash } from "@smithy/core/serde";
import { SignatureV4 } from "@smithy/signature-v4";

/** As the AWS SDK for JavaScript has them: fixed, or a provider such as `fromNodeProviderChain()`. */
type Credentials = ConstructorParameters<typeof SignatureV4>[0]["credentials"];

export interface ProofSettings {
  readonly credentials: Credentials;
  /** The gateway's `authn.sts.endpoint`. */
  readonly endpoint: string;
  /** The gateway's `authn.sts.region`. */
  readonly region: string;
  /** The gateway's `authn.sts.serverId`. */
  readonly serverId: string;
  /** When it is signed; now, if not given. */
  readonly signedAt?: Date;
}

/** What the SDK itself signs with on Node.js. */
const Sha256 = Hash.bind(null, "sha256");

/**
 * Says to a Lockkeeper gateway who one is, by AWS credentials of one's own: they sign a `GetCallerIdentity` request, and
 * the gateway has AWS STS say whose signature it is. Good for five minutes; make a new one then.
 * @returns the value of the `Authorization` header
 */
export async function stsAuthorization(settings: ProofSettings): Promise<string> {
  const { credentials, region, serverId, signedAt = new Date() } = settings;
  const { protocol, hostname, host } = new URL(settings.endpoint);
  const signer = new SignatureV4({ credentials, region, service: "sts", sha256: Sha256 });
  const { headers } = await signer.sign(
    {
      method: "POST",
      protocol,
      hostname,
      path: "/",
      headers: {
        host,
        "content-type": "application/x-www-form-urlencoded",
        "x-lockkeeper-server-id": serverId,
      },
      body: "Action=GetCallerIdentity&Version=2011-06-15",
    },
    { signingDate: signedAt },
  );
  return `AWS-STS ${Buffer.from(JSON.stringify({ headers })).toString("base64url")}`;
}
