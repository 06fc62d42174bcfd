import { z } from "zod";
import { type FactName, factNames } from "./facts.ts";

const MAX_CASES = 1_000;

/**
 * What a bundle says that it decides: `metadata.lockkeeper.selfTest` of its manifest. It brings data of its own, because
 * it cannot know the site's.
 */
export const selfTestSchema = z.strictObject({
  data: z.record(z.string(), z.unknown()).default({}),
  cases: z
    .array(
      z.strictObject({
        name: z.string().min(1).max(200),
        input: z.record(z.string(), z.unknown()),
        allow: z.boolean(),
        /** Codes that must be among the decision's reasons. */
        reasons: z.array(z.string()).default([]),
        /** Names of the facts that it must ask for, in any order; without this, it may ask for any or none. */
        needs: z.array(z.enum(factNames)).optional(),
      }),
    )
    .max(MAX_CASES),
});

export interface SelfTest {
  readonly data: Readonly<Record<string, unknown>>;
  readonly cases: readonly SelfTestCase[];
}

export interface SelfTestCase {
  readonly name: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly allow: boolean;
  readonly reasons: readonly string[];
  readonly needs?: readonly FactName[] | undefined;
}
