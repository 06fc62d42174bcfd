/** Types of `check-policies.mjs`, for `lockkeeper policy check`. */
export function checkPolicies(options: {
  policies?: string;
  quick?: boolean;
  print: (line: string) => void;
  note: (line: string) => void;
}): boolean;
