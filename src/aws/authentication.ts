import type { Request } from "express";
import type { Principal } from "../authn/principal.ts";
import type { Clock } from "../clock.ts";
import { LockkeeperError } from "../errors.ts";
import type { AuthenticationOptions } from "../http/authentication.ts";
import { AwsRefusal } from "./refusal.ts";
import { type VerifiedSignature, verifySignature } from "./sigv4/verify.ts";

/** Key pairs that Lockkeeper has issued and that are good now. */
export interface AwsKeys {
  /** @throws LockkeeperError `audit-unreadable` when that cannot be known */
  find(accessKeyId: string): { readonly secretAccessKey: string; readonly principal: Principal } | undefined;
}

export interface SignatureOptions extends Pick<AuthenticationOptions, "limits" | "refusals"> {
  readonly awsKeys: AwsKeys;
  readonly clock: Pick<Clock, "now">;
}

export interface Signed {
  readonly principal: Principal;
  readonly signature: VerifiedSignature;
}

/**
 * Who has signed this request, every byte of it that counts. A failure is counted as at every other door.
 * @throws AwsRefusal; LockkeeperError `unauthenticated`, `rate-limited`, `audit-unreadable`
 */
export async function authenticated(options: SignatureOptions, request: Request, body: Buffer): Promise<Signed> {
  const { awsKeys, clock, limits, refusals } = options;
  const { method, originalUrl: target, state } = request;
  try {
    const signature = await verifySignature(
      { method, target, headers: headerPairs(request), body },
      { findSecret: (id) => awsKeys.find(id)?.secretAccessKey, now: clock.now() },
    );
    const found = awsKeys.find(signature.accessKeyId);
    if (found === undefined) throw new LockkeeperError("unauthenticated", "The key pair was revoked meanwhile.");
    return { principal: found.principal, signature };
  } catch (error) {
    const { sourceIp } = state.context;
    if (error instanceof AwsRefusal || (error instanceof LockkeeperError && error.code === "unauthenticated")) {
      refusals.failedAuthentication(sourceIp);
      await limits.failed(sourceIp);
    }
    throw error;
  }
}

function headerPairs({ rawHeaders }: Request): [string, string][] {
  return Array.from({ length: rawHeaders.length / 2 }, (_, n) => [
    rawHeaders[2 * n] ?? "",
    rawHeaders[2 * n + 1] ?? "",
  ]);
}
