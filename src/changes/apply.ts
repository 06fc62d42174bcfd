import type { IdempotencyClaim, Journal } from "../audit/journal.ts";
import type { Clock } from "../clock.ts";
import type { AuthorizedChange } from "../policy/pep.ts";
import type { Iam } from "./iam-answers.ts";
import type { StatusChange } from "./status-change.ts";

export interface ApplyOptions {
  readonly iam: Pick<Iam, "update" | "statusOf">;
  readonly journal: Pick<Journal, "begin" | "finish">;
  readonly clock: Clock;
}

/** Either what became of the change, or the id of the earlier change that the Idempotency-Key belongs to. */
export type Applied =
  | { readonly kind: "settled"; readonly state: StatusChange }
  | { readonly kind: "replay"; readonly id: string };

export declare function applyChange(
  options: ApplyOptions,
  authorized: AuthorizedChange,
  idempotency?: IdempotencyClaim,
): Promise<Applied>;
