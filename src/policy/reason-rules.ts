import { z } from "zod";

/** The rule of a policy that gives a reason, and where it is written. */
export interface ReasonRule {
  /** `data.lockkeeper.changes.missing` */
  readonly rule: string;
  /** The path in the policies' folder. */
  readonly file: string;
  /** Where the rule begins, counted from 1. */
  readonly line: number;
}

const MAX_CODES = 1_000;
const MAX_RULES = 16;

/**
 * `metadata.lockkeeper.reasons` of a bundle's manifest, which `lockkeeper policy build` writes: the rules that give a
 * reason, by the reason's code. Bundles that `opa build` made have none.
 */
export const reasonRulesSchema = z
  .record(
    z.string().min(1).max(64),
    z
      .array(
        z.strictObject({
          rule: z.string().min(1).max(256),
          file: z.string().min(1).max(256),
          line: z.int().min(1).max(1_000_000),
        }),
      )
      .min(1)
      .max(MAX_RULES),
  )
  .refine((reasons) => Object.keys(reasons).length <= MAX_CODES, `more than ${MAX_CODES} codes`);
