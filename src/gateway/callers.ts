import type { Journal } from "../audit/journal.ts";
import { createApiKeyProof } from "../authn/api-key-proof.ts";
import { type Authenticate, createAuthenticator } from "../authn/authenticate.ts";
import { createAwsKeyRing } from "../authn/aws-key-ring.ts";
import type { AwsKeyPair } from "../authn/aws-keys.ts";
import { type EncryptionKeys, readEncryptionKeys } from "../authn/encryption-keys.ts";
import { createAccessTokenProof } from "../authn/jwt.ts";
import { createKeyRing, keepFresh } from "../authn/key-ring.ts";
import { createCallerIdentityProof } from "../authn/sts/caller-identity.ts";
import type { Config } from "../config.ts";
import type { GatewayContext } from "./options.ts";

/** How callers of both doors prove who they are. */
export interface Callers {
  /** Of the REST API. */
  readonly authenticate: Authenticate;
  /** Of the AWS door. */
  readonly awsKeys: { find(accessKeyId: string): AwsKeyPair | undefined };
}

/** What opens the key pairs of AWS clients, where they are accepted. Read before anything is opened or recorded. */
export function encryptionKeysOf({ authn: { awsKeys } }: Config): EncryptionKeys | undefined {
  return awsKeys?.enabled === true ? readEncryptionKeys(awsKeys) : undefined;
}

/**
 * The keys that Lockkeeper has issued, read and kept fresh, and whatever else the configuration accepts.
 * @param encryption of the AWS key pairs; without it none is accepted but the sandbox's
 */
export async function openCallers(
  context: GatewayContext,
  { apiKeys: read }: Pick<Journal, "apiKeys">,
  encryption: EncryptionKeys | undefined,
): Promise<Callers> {
  const { config, log, clock, sandbox, closing } = context;
  const apiKeys = config.authn.apiKeys.enabled ? createKeyRing({ read, clock }) : undefined;
  const onUnusable = (accessKeyId: string, why: string) => log.error({ accessKeyId, why }, "a key pair cannot be used");
  const keyPairs = encryption && createAwsKeyRing({ read, clock, encryption, onUnusable });
  const stopped = new AbortController();
  closing.add(() => stopped.abort());
  for (const ring of [apiKeys, keyPairs]) {
    if (ring === undefined) continue;
    await ring.refresh();
    void keepFresh(ring, clock, stopped.signal, (err) => log.error({ err }, "keys could not be read"));
  }
  const authenticate = createAuthenticator({
    ...(apiKeys && { apiKey: createApiKeyProof(apiKeys, clock) }),
    ...otherProofs(context),
    ...(sandbox && { sandboxTokens: sandbox.tokens }),
  });
  return { authenticate, awsKeys: { find: (id) => sandbox?.keyPairs.get(id) ?? keyPairs?.find(id) } };
}

/** Proofs that others issue: identity providers, and AWS. */
function otherProofs({ config: { authn, iam }, log, clock }: GatewayContext) {
  return {
    ...(authn.issuers.length > 0 && {
      accessToken: createAccessTokenProof({
        issuers: authn.issuers,
        clock,
        onFailure: (jwksUri, err) => log.error({ jwksUri, err }, "an issuer's keys could not be read"),
      }),
    }),
    ...(authn.sts?.enabled && {
      callerIdentity: createCallerIdentityProof({
        sts: authn.sts,
        ownAccount: iam.account,
        clock,
        onFailure: (err) => log.error({ err }, "AWS STS could not be asked who a caller is"),
      }),
    }),
  };
}
