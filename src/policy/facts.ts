import type { ObservedStatus } from "../changes/credential.ts";

/** What a policy may ask to be told of before it decides: `needs` of its answer, and the keys of `input.facts`. */
export const factNames = ["credential", "siblings", "user"] as const;
export type FactName = (typeof factNames)[number];

export function isFactName(value: unknown): value is FactName {
  return factNames.some((name) => name === value);
}

/** A moment as policy sees it: WebAssembly cannot read dates, so they compare `epochMs`. */
export interface FactTime {
  readonly rfc3339: string;
  readonly epochMs: number;
}

/**
 * A status as IAM's list tells it; `Unknown` when the audit log says that this is not to be relied on: a change of it is
 * under way or its outcome is not known, or one was applied a moment ago and the list does not show it.
 */
export type FactStatus = ObservedStatus | "Unknown";

/** Another credential of the same user and type. */
export interface SiblingFact {
  readonly id: string;
  readonly status: FactStatus;
  readonly createdAt?: FactTime;
  /** Of a service-specific credential. */
  readonly service?: string;
}

/** The credential that is to be changed. */
export interface CredentialFact extends SiblingFact {
  /** Of access keys only, because IAM tells it of no others; null when it was never used. */
  readonly lastUsed?: (FactTime & { readonly service: string; readonly region: string }) | null;
}

/** The IAM user to whom the credential belongs. */
export interface UserFact {
  /** `/` or `/division/team/` */
  readonly path: string;
  readonly createdAt: FactTime;
  readonly tags: Readonly<Record<string, string>>;
}

/**
 * Why a fact is null: `not-found`, IAM knows no such user or credential; `refused`, the gateway may not ask;
 * `unavailable`, IAM or the log did not answer in time; `too-large` to be put before policy; `not-applicable`, the request
 * names no user, or no credential.
 */
export type FactAbsence = "not-applicable" | "not-found" | "refused" | "too-large" | "unavailable";

/** The facts that a policy asked for, each null when it could not be had, and why. */
export interface Facts {
  readonly credential?: CredentialFact | null;
  readonly siblings?: readonly SiblingFact[] | null;
  readonly user?: UserFact | null;
  readonly unavailable?: Readonly<Partial<Record<FactName, FactAbsence>>>;
}
