/** Types of `build-policies.mjs`, for the tests that need the compiled policies and for `lockkeeper policy build`. */
import type { Rule } from "./policy-reasons.mjs";

export function buildPolicies(folders?: { policies?: string; out?: string }): {
  bundle: string;
  revision: string;
  compiled: boolean;
};
export function buildBundle(options: {
  policies: string;
  output: string;
  createdAt: string;
  revision?: string | undefined;
}): { revision: string; unsaid: Rule[] };
