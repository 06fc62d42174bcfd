/** Types of `policy-reasons.mjs`, for the tests. */
export interface Rule {
  rule: string;
  file: string;
  line: number;
}
export function reasonsIn(
  folder: string,
  files: readonly string[],
): { rules: Set<string>; reasons: Record<string, Rule[]>; unsaid: Rule[] };
