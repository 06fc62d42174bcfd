import type { Reason } from "../policy/decision.ts";
import type { FlipGroup } from "../policy/replay/flips.ts";
import { plain } from "./plain.ts";
import { utc } from "./record-lines.ts";
import {
  arrows,
  exampleOf,
  headline,
  moreGroups,
  principalsOf,
  type Replayed,
  recordsOf,
  summaryRows,
  whatOf,
} from "./replay-report.ts";

/**
 * A replay for a pull request: GitHub Flavored Markdown.
 * @param limit groups that are shown
 */
export function replayMarkdown(replayed: Replayed, limit: number): string[] {
  const { groups } = replayed;
  return [
    `### ${escaped(headline(replayed))}`,
    "",
    ...summaryRows(replayed).map(([title, value]) => `- **${escaped(title)}**: ${escaped(value)}`),
    ...(groups.length === 0
      ? []
      : [
          "",
          "| flip | decisions | what | was | would be | who | when | example | records |",
          "|---|--:|---|---|---|---|---|---|---|",
        ]),
    ...groups.slice(0, limit).map(row),
    ...moreGroups(groups.length - limit).map(escaped),
  ];
}

function row(group: FlipGroup): string {
  const { direction, count, before, after, first, last, example } = group;
  const cells = [
    escaped(arrows[direction]),
    String(count),
    code(whatOf(group)),
    reasons(before),
    reasons(after),
    principalsOf(group, code),
    first === last ? utc(first) : `${utc(first)} to ${utc(last)}`,
    exampleOf(example, code),
    recordsOf(group),
  ];
  return `| ${cells.join(" | ")} |`;
}

function reasons(all: readonly Reason[]): string {
  return all.map((reason) => `${code(reason.code)} ${escaped(reason.message)}`).join("<br>");
}

/**
 * A code span, in which nothing but its own end means anything: no link, no HTML, nobody's name. Its fence is longer than
 * any within (https://spec.commonmark.org/0.31.2/#code-spans); a table's cell ends at a bar even there
 * (https://github.github.com/gfm/#example-200).
 */
function code(text: string): string {
  const runs = text.match(/`+/g) ?? [];
  const fence = "`".repeat(Math.max(0, ...runs.map((run) => run.length)) + 1);
  // A blank on both sides is taken off again; it keeps backticks of the text apart from the fence.
  const inner = runs.length > 0 || text.trim() !== text || text === "" ? ` ${plain(text)} ` : plain(text);
  return `${fence}${inner.replaceAll("|", "\\|")}${fence}`;
}

/** Text in which no character means anything to Markdown; `@` has no escape, but names nobody before an empty comment. */
function escaped(text: string): string {
  return plain(text)
    .replace(/[\\`*_{}[\]()#+!|~<>&]/g, (character) => `&#${character.charCodeAt(0)};`)
    .replaceAll("@", "@<!-- -->");
}
