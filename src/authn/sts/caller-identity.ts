import type { Clock } from "../../clock.ts";
import type { StsConfig } from "../../config.ts";
import { LockkeeperError } from "../../errors.ts";
import { authenticationUnavailable, tooManyProofs } from "../failure.ts";
import { networkOf } from "../ip-address.ts";
import type { Principal } from "../principal.ts";
import { createStsClient } from "./ask-sts.ts";
import { principalOfAwsIdentity } from "./aws-identity.ts";
import { createProofReader, type IdentityProof, PROOF_LIFETIME_MS } from "./identity-proof.ts";
import { readStsAnswer } from "./sts-answer.ts";

export interface CallerIdentityOptions {
  readonly sts: StsConfig;
  /** The account whose credentials this gateway switches. */
  readonly ownAccount: string;
  readonly clock: Pick<Clock, "now">;
  /** Told of each question that STS did not answer. */
  readonly onFailure?: (error: unknown) => void;
}

interface Verified {
  readonly principal: Principal;
  /** Epoch milliseconds. */
  readonly until: number;
}

interface Question {
  /** What counts as one source, see `networkOf`. */
  readonly source: string;
  readonly answer: Promise<Principal>;
}

/** Questions that are on their way or wait for a connection. */
const MAX_PENDING = 64;
/** Of them, those of one source: half of the connections, so that it takes neither them nor the places from the others. */
const MAX_PENDING_PER_SOURCE = 8;
const MAX_VERIFIED = 1_000;

/**
 * Proves a principal by AWS: the caller has signed a `GetCallerIdentity` request for this gateway, STS is asked with
 * that signature who it is, and its answer is the principal. A proof that held is remembered until five minutes from its
 * date, so for that long a key that was switched off meanwhile still opens this door.
 *
 * Everybody can write a proof that only STS can tell from a right one. So each source has a few questions at a time, and
 * a flood of forged ones leaves room for those of others.
 *
 * @returns a function of the proof in an `AWS-STS` Authorization header (hostile) and the canonical address that it came
 *   from, which throws LockkeeperError `unauthenticated`, `rate-limited` when the source has too many questions open, or
 *   `authentication-unavailable` when STS cannot be asked
 */
export function createCallerIdentityProof(
  options: CallerIdentityOptions,
): (text: string, sourceIp: string) => Promise<Principal> {
  const { sts, ownAccount, clock, onFailure } = options;
  const { endpoint, timeoutMs } = sts;
  const readProof = createProofReader({ ...sts, stsHost: new URL(endpoint).host });
  const askSts = createStsClient({ endpoint, timeoutMs });
  const verified = new Map<string, Verified>();
  const pending = new Map<string, Question>();

  async function ask({ headers, signedAt, digest }: IdentityProof): Promise<Principal> {
    const askedAt = clock.now();
    try {
      const identity = readStsAnswer(await askSts(headers));
      const principal = principalOfAwsIdentity(identity, { ...sts, ownAccount });
      // One from a clock that is ahead is not good for longer.
      remember(digest, { principal, until: Math.min(signedAt, askedAt) + PROOF_LIFETIME_MS });
      return principal;
    } catch (error) {
      if (error instanceof LockkeeperError) throw error;
      onFailure?.(error);
      throw authenticationUnavailable(error);
    } finally {
      pending.delete(digest);
    }
  }

  function remember(digest: string, entry: Verified): void {
    for (const [oldest] of verified) {
      if (verified.size < MAX_VERIFIED) break;
      verified.delete(oldest);
    }
    verified.set(digest, entry);
  }

  function isTooMany(source: string): boolean {
    let own = 0;
    for (const question of pending.values()) if (question.source === source) own += 1;
    return own >= MAX_PENDING_PER_SOURCE;
  }

  return async (text, sourceIp) => {
    const now = clock.now();
    const proof = readProof(text, now);
    const known = verified.get(proof.digest);
    if (known !== undefined && now <= known.until) return known.principal;
    const asked = pending.get(proof.digest);
    if (asked !== undefined) return asked.answer;
    const source = networkOf(sourceIp);
    if (isTooMany(source)) throw tooManyProofs();
    if (pending.size >= MAX_PENDING) throw authenticationUnavailable(new Error("too many questions to STS at a time"));
    const answer = ask(proof);
    pending.set(proof.digest, { source, answer });
    return answer;
  };
}
