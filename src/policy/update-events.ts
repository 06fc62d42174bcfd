import type { ActivatedPolicy } from "../audit/policy-record.ts";
import type { BundleRefusalCode } from "./bundle-refusal.ts";

/** What is kept up to date, each by itself. */
export type Part = "bundle" | "data";

/** What becomes of policies. */
export type PolicyEvent =
  | { readonly kind: "activated"; readonly policy: ActivatedPolicy }
  | {
      readonly kind: "refused";
      readonly code: BundleRefusalCode;
      readonly revision?: string | undefined;
      readonly error: Error;
    }
  | { readonly kind: "quarantined"; readonly policy: ActivatedPolicy; readonly restored: ActivatedPolicy }
  /** What was refused or could not be had is what is in force: there is no trouble with it any more. */
  | { readonly kind: "recovered"; readonly part: Part }
  /** The source, the log or the disk could not be had; it is tried again. */
  | { readonly kind: "failed"; readonly error: Error };

/** What `/readyz` tells. */
export interface PolicyState {
  readonly revision: string | undefined;
  /** Epoch milliseconds at which the source said last that this is the newest. */
  readonly confirmedAt: number;
  readonly expired: boolean;
  /** Why the newest is not in force, and since when. */
  readonly trouble?: { readonly code: TroubleCode; readonly since: number };
}

export type TroubleCode = BundleRefusalCode | "update-failed";
