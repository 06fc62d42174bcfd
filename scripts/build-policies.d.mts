/** Types of `build-policies.mjs`, for the tests that need the compiled policies. */
export function buildPolicies(folders?: { policies?: string; out?: string }): {
  bundle: string;
  revision: string;
  compiled: boolean;
};
