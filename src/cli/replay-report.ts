import type { Reason } from "../policy/decision.ts";
import { type Direction, directions, type FlipGroup } from "../policy/replay/flips.ts";
import type { Replay } from "../policy/replay/replay.ts";
import { plain } from "./plain.ts";
import { utc } from "./record-lines.ts";

/** A replay and what it was of. */
export interface Replayed extends Replay {
  /** What was read, for people. */
  readonly log: string;
}

/** Principals and indexes that are shown of one group. */
const SHOWN = 5;

export const arrows: Readonly<Record<Direction, string>> = {
  "deny-to-allow": "deny -> allow",
  "allow-to-deny": "allow -> deny",
};

/**
 * A replay for a terminal.
 * @param limit groups that are shown
 */
export function replayTable(replayed: Replayed, limit: number): string[] {
  const { groups } = replayed;
  const rows = summaryRows(replayed);
  const width = Math.max(...rows.map(([title]) => title.length)) + 2;
  return [
    headline(replayed),
    ...rows.map(([title, value]) => `  ${title.padEnd(width)}${value}`),
    ...groups.slice(0, limit).flatMap((group) => ["", ...groupLines(group, "would be")]),
    ...moreGroups(groups.length - limit),
  ];
}

/** The decisions that come out another way, of a log's newest, under policies that are in force already. */
export function flipLines({ judged, groups, flips, factsUnknown, faults }: Replay): string[] {
  const total = flips["deny-to-allow"] + flips["allow-to-deny"];
  const unknown = factsUnknown["deny-to-allow"] + factsUnknown["allow-to-deny"];
  const notJudged =
    unknown === 0
      ? []
      : [`${counted(unknown, "decision")} not judged: now facts are asked for that are not on record.`];
  if (judged === 0) return unknown > 0 ? notJudged : ["There is no decision on the log yet that could flip."];
  return [
    total === 0
      ? `None of the last ${counted(judged, "decision")} flips.`
      : `${total} of the last ${counted(judged, "decision")} ${total === 1 ? "flips" : "flip"}:`,
    ...notJudged,
    ...groups.flatMap((group) => ["", ...groupLines(group, "is now")]),
    ...faults.map(({ code, count, message }) => `${code}, ${counted(count, "time")}: ${plain(message)}`),
  ];
}

/** How many flips there are, in a sentence. */
export function headline({ log, candidate, judged, flips }: Replayed): string {
  const total = flips["deny-to-allow"] + flips["allow-to-deny"];
  return `${total} of ${counted(judged, "decision")} in ${plain(log)} would flip under policies ${plain(candidate.revision)}`;
}

/** What else is to be known of a replay, by its name. What there is nothing of is left out, but for the flips. */
export function summaryRows(replayed: Replayed): (readonly [title: string, value: string])[] {
  const {
    judged,
    first,
    last,
    flips,
    otherReasons,
    factsUnknown,
    guarded,
    pruned,
    unreadable,
    firstUnreadable,
    faults,
  } = replayed;
  const rows: (readonly [string, string, boolean])[] = [
    ...directions.map((direction) => [arrows[direction], String(flips[direction]), true] as const),
    ["time", `${utc(first)} to ${utc(last)}`, judged > 0],
    ["other reasons", `${counted(otherReasons, "decision")} the same but for the reasons`, otherReasons > 0],
    ...directions.map(
      (direction) =>
        [
          `perhaps ${arrows[direction]}`,
          `${counted(factsUnknown[direction], "decision")} not judged: these policies ask for facts that are not on record`,
          factsUnknown[direction] > 0,
        ] as const,
    ),
    [
      "own user",
      `${counted(guarded, "decision")} of the candidate would be overruled: nobody changes the gateway's own user`,
      guarded > 0,
    ],
    ["pruned", `${counted(pruned, "record")} without a body; decisions among them cannot be judged again`, pruned > 0],
    [
      "unreadable",
      `${counted(unreadable, "record")}, the first at index ${firstUnreadable}: see lockkeeper audit verify`,
      unreadable > 0,
    ],
    ...faults.map(
      ({ code, count, index, message }) =>
        [code, `${count} times, first at index ${index}: ${plain(message)}`, true] as const,
    ),
  ];
  return rows.filter(([, , isThere]) => isThere).map(([title, value]) => [title, value]);
}

function groupLines(group: FlipGroup, now: string): string[] {
  const { direction, count, before, after, first, last, example } = group;
  const rows: (readonly [string, string])[] = [
    ...before.map((reason, at) => [at === 0 ? "was" : "", sentence(reason)] as const),
    ...after.map((reason, at) => [at === 0 ? now : "", sentence(reason)] as const),
    ["by", principalsOf(group, plain)],
    ["time", first === last ? utc(first) : `${utc(first)} to ${utc(last)}`],
    ["example", exampleOf(example, plain)],
    ["records", recordsOf(group)],
  ];
  return [
    `${arrows[direction]}  ${count} x  ${plain(whatOf(group))}`,
    ...rows.map(([title, value]) => `  ${title.padEnd(10)}${value}`),
  ];
}

/** What the decisions of a group are about: `iam:UpdateAccessKey to Inactive (access-key)`. */
export function whatOf({ action, status, credentialType }: FlipGroup): string {
  return [action, status && `to ${status}`, credentialType && `(${credentialType})`].filter(Boolean).join(" ");
}

/** @param quote how a text of somebody's is written */
export function principalsOf({ principals }: FlipGroup, quote: (text: string) => string): string {
  const shown = principals.slice(0, SHOWN).map(({ principal, count }) => `${quote(principal)} (${count})`);
  const more = principals.length - SHOWN;
  return [...shown, ...(more > 0 ? [`${more} more`] : [])].join(", ");
}

/** @param quote how a text of somebody's is written */
export function exampleOf(example: FlipGroup["example"], quote: (text: string) => string): string {
  const { index, event, correlation, principal, userName, credentialId } = example;
  return [
    `record ${index}`,
    // A look-up has no change.
    ...(event.startsWith("credential.") ? [`change ${quote(correlation)}`] : []),
    ...(userName === undefined ? [] : [`user ${quote(userName)}`]),
    ...(credentialId === undefined ? [] : [quote(credentialId)]),
    `by ${quote(principal)}`,
  ].join(", ");
}

export function recordsOf({ records }: FlipGroup): string {
  const more = records.length - SHOWN;
  return [...records.slice(0, SHOWN).map(String), ...(more > 0 ? [`${more} more`] : [])].join(", ");
}

export function moreGroups(more: number): string[] {
  return more > 0 ? ["", `and ${counted(more, "more group")}: --limit shows more, --format json all`] : [];
}

function sentence({ code, message }: Reason): string {
  return `${plain(code)}: ${plain(message)}`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
