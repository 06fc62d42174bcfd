import type { ObservedStatus } from "./credential.ts";

/** How a change ended, as far as is known. */
export type OutcomeName = "applied" | "failed" | "unknown";

/** What a read-back found. It cannot say who made it so. */
export type ReadBackResult = "as-wanted" | "not-as-wanted" | "superseded" | "unresolved";

/** IAM's answer, translated at the edge of `iam/`. */
export type Outcome =
  | {
      readonly name: "applied";
      /** AWS's id of the update; a success without one is `unknown`. */
      readonly awsRequestId: string;
      readonly httpStatus: number;
    }
  | {
      readonly name: "failed";
      /** `refused`: IAM answered no. `not-sent`: the request never reached IAM, which is proven. */
      readonly how: "refused" | "not-sent";
      /** IAM's error code, or the name of what kept the request from being sent. */
      readonly code: string;
      readonly message: string;
      /** IAM was throttling: it may well do it when asked again. */
      readonly retryable?: true;
      readonly awsRequestId?: string;
      readonly httpStatus?: number;
    }
  | {
      readonly name: "unknown";
      readonly code: string;
      readonly message: string;
    };

/** One look at the credential's status after an unknown outcome. `observed` is null when the list does not hold it. */
export interface ReadBack {
  readonly result: ReadBackResult;
  readonly observed: ObservedStatus | null;
  /** The change that superseded this one. */
  readonly supersededBy?: string;
}
