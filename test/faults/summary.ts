import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inject } from "vitest";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** File to which the tests of a run append what they saw. */
    readonly faultSummary: string;
  }
}

/** What a fault test saw: one row of the table at the end of a run. */
export interface Row {
  readonly fault: string;
  /** How often the fault was brought about. */
  readonly runs: number;
  /** Changes, or records, of which somebody was told that they are durable. */
  readonly acknowledged: number;
  /** Those of them that were not in the log afterwards; of tampering, the attacks that nobody noticed. */
  readonly lost: number;
  /** Updates at IAM without an intent, or records that nobody wrote; attacks that were taken for something else. */
  readonly unexplained: number;
  /** What the same check saw where it must find something. */
  readonly control: string;
}

/** Keeps a row for the table. A test calls it with what it saw, before it judges that. */
export function report(row: Row): void {
  appendFileSync(inject("faultSummary"), `${JSON.stringify(row)}\n`);
}

/** Says in the table, and at once, that a fault could not be brought about on this machine. */
export function reportSkipped(fault: string, why: string): void {
  console.warn(`SKIPPED, LOUDLY: ${why}, so this was not tried: ${fault}.`);
  appendFileSync(inject("faultSummary"), `${JSON.stringify({ fault, skipped: why })}\n`);
}

/** For vitest: makes the file, and prints the table when all tests have run. */
export default function setup(project: TestProject): () => void {
  const folder = mkdtempSync(join(tmpdir(), "lockkeeper-faults-"));
  const file = join(folder, "summary.jsonl");
  writeFileSync(file, "");
  project.provide("faultSummary", file);
  return () => {
    const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
    rmSync(folder, { recursive: true });
    if (lines.length > 0) process.stdout.write(`\n${table(lines.map((line) => JSON.parse(line)))}\n`);
  };
}

const columns = ["fault", "runs", "acknowledged", "lost", "unexplained", "control: the same check elsewhere"] as const;

function table(rows: readonly (Row | { readonly fault: string; readonly skipped: string })[]): string {
  const cells = rows.map((row) =>
    "skipped" in row
      ? [row.fault, "SKIPPED", "-", "-", "-", row.skipped]
      : [row.fault, row.runs, row.acknowledged, row.lost, row.unexplained, row.control].map(String),
  );
  const sums = [1, 2, 3, 4].map((column) => String(cells.reduce((sum, row) => sum + (Number(row[column]) || 0), 0)));
  const all = [[...columns], ...cells, ["all", ...sums, ""]];
  const widths = columns.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const isNumber = (column: number) => column > 0 && column < 5;
  const lines = all.map((row) =>
    row
      .map((cell, column) =>
        isNumber(column) ? cell.padStart(widths[column] ?? 0) : column === 5 ? cell : cell.padEnd(widths[column] ?? 0),
      )
      .join("  "),
  );
  const rule = widths.map((width) => "-".repeat(width)).join("  ");
  return [lines[0], rule, ...lines.slice(1, -1), rule, lines.at(-1)].join("\n");
}
