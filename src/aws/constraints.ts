import { type Refusal, refusal } from "./query-answer.ts";

/** What IAM checks of one parameter before it looks anything up. Patterns are written as IAM quotes them. */
export interface Constraint {
  readonly parameter: string;
  readonly required?: boolean;
  readonly length?: { readonly min: number; readonly max: number };
  readonly pattern?: string;
  readonly values?: readonly string[];
  readonly integer?: { readonly min: number; readonly max: number };
}

export const userNameConstraint = (max: number): Constraint => ({
  parameter: "UserName",
  length: { min: 1, max },
  pattern: "[\\w+=,.@-]+",
});

/** `Marker` and `MaxItems`, as every list takes them. */
export const pagingConstraints: readonly Constraint[] = [
  { parameter: "Marker", length: { min: 1, max: 320 }, pattern: "[\\u0020-\\u00FF]+" },
  { parameter: "MaxItems", integer: { min: 1, max: 1000 } },
];

interface Parameters {
  get(name: string): string | null | undefined;
}

/** IAM's ValidationError with everything that is wrong, in the order of the constraints; undefined when all is well. */
export function validationError(parameters: Parameters, constraints: readonly Constraint[]): Refusal | undefined {
  const faults = constraints.flatMap((constraint) => {
    const value = parameters.get(constraint.parameter) ?? null;
    const member = constraint.parameter.charAt(0).toLowerCase() + constraint.parameter.slice(1);
    return violations(value, constraint).map(
      (text) => `Value at '${member}' failed to satisfy constraint: Member must ${text}`,
    );
  });
  if (faults.length === 0) return undefined;
  const count = faults.length === 1 ? "1 validation error" : `${faults.length} validation errors`;
  return refusal(400, "ValidationError", `${count} detected: ${faults.join("; ")}`);
}

function violations(value: string | null, { required, length, pattern, values, integer }: Constraint): string[] {
  if (value === null) return required === true ? ["not be null"] : [];
  const found: string[] = [];
  if (values !== undefined && !values.includes(value)) found.push("satisfy enum value set");
  if (pattern !== undefined && !wholly(pattern).test(value))
    found.push(`satisfy regular expression pattern: ${pattern}`);
  if (length !== undefined && value.length < length.min)
    found.push(`have length greater than or equal to ${length.min}`);
  if (length !== undefined && value.length > length.max) found.push(`have length less than or equal to ${length.max}`);
  if (integer !== undefined) {
    const number = /^-?[0-9]{1,9}$/.test(value) ? Number(value) : Number.NaN;
    if (!(number >= integer.min)) found.push(`have value greater than or equal to ${integer.min}`);
    else if (number > integer.max) found.push(`have value less than or equal to ${integer.max}`);
  }
  return found;
}

const compiled = new Map<string, RegExp>();

function wholly(pattern: string): RegExp {
  let regex = compiled.get(pattern);
  if (regex === undefined) {
    regex = new RegExp(`^(?:${pattern})$`);
    compiled.set(pattern, regex);
  }
  return regex;
}
