import { printable } from "./printable.ts";

/** What is told of a decision, by the gateway or by `policy explain`. */
export interface ToldDecision {
  readonly allow: boolean;
  readonly reasons: readonly {
    readonly code: string;
    readonly message: string;
    readonly source: "policy" | "gateway";
    readonly rules?: readonly { readonly rule: string; readonly file: string; readonly line: number }[] | undefined;
  }[];
  readonly facts?: object | undefined;
  readonly factsWithheld?: readonly string[] | undefined;
  /** Undefined: nobody can tell. */
  readonly remedies?: readonly { readonly message: string }[] | undefined;
}

/** Why a decision came out as it did, what it has seen, and what would have been needed, as people read it. */
export function explanationLines({ allow, reasons, facts = {}, factsWithheld = [], remedies }: ToldDecision): string[] {
  const seen = Object.entries(facts).map(([name, value]) => `${name}: ${JSON.stringify(value)}`);
  const withheld = factsWithheld.map((name) => `${name}: seen by policy; you may not look at it`);
  return [
    ...reasons.flatMap(({ code, message, source, rules = [] }) => [
      `  ${message} (${code})`,
      ...(source === "gateway" ? ["      denied by the gateway itself"] : []),
      ...rules.map(({ rule, file, line }) => `      ${rule}, ${file}:${line}`),
    ]),
    ...section("Facts seen", [...seen, ...withheld]),
    ...(allow || remedies === undefined ? [] : section("What would be needed", needed(remedies))),
  ].map(printable);
}

function needed(remedies: readonly { readonly message: string }[]): readonly string[] {
  if (remedies.length === 0) return ["Nothing that could be added would make this allowed."];
  return remedies.map(({ message }) => message);
}

function section(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : [`${title}:`, ...lines.map((line) => `  ${line}`)];
}
