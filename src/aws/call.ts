import type { Principal } from "../authn/principal.ts";
import type { Change, RequestContext } from "../changes/change.ts";
import type { Decision } from "../policy/decision.ts";

/** A request that was signed with a key pair of this principal's and whose parameters IAM would take. */
export interface AwsCall {
  readonly parameters: ReadonlyMap<string, string>;
  readonly principal: Principal;
  readonly context: RequestContext;
  /** From the signed path. */
  readonly ticket: string | undefined;
  /** SHA-256 of the signature, hex, and epoch milliseconds of its date. */
  readonly signature: { readonly digest: string; readonly signedAt: number };
  /** Puts what policy decided about a change into the request's line in the log. */
  decided(change: Change, decision: Decision): void;
  /** Names in the answer the change that it tells of, which has a record by now. */
  tellsOf(changeId: string): void;
}
