import type { Clock } from "../clock.ts";
import { type Config, loadConfig } from "../config.ts";
import { LockkeeperError } from "../errors.ts";
import { loadBundle } from "../policy/bundle.ts";
import { loadData } from "../policy/data.ts";
import { type Direction, directions } from "../policy/replay/flips.ts";
import { replayLog } from "../policy/replay/replay-log.ts";
import type { Output } from "./keys.ts";
import { type LogSource, openLogSource } from "./log-source.ts";
import { progress } from "./progress.ts";
import { replayMarkdown } from "./replay-markdown.ts";
import { type Replayed, replayTable } from "./replay-report.ts";
import { typedTime } from "./typed-time.ts";

/** The options of `policy replay` as they were typed. */
export interface ReplayArguments extends LogSource {
  /** The candidate: a bundle's file. */
  readonly bundle: string;
  /** The candidate's data: a JSON file; by default the one that the configuration names. */
  readonly data?: string | undefined;
  /** ISO 8601. */
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly user?: string | undefined;
  readonly principal?: string | undefined;
  /** The gateway's own IAM users, all of them. */
  readonly ownUser?: readonly string[] | undefined;
  /** Flips of which there may be none. */
  readonly failOn?: readonly string[] | undefined;
  readonly format?: string | undefined;
  /** Groups that are shown. */
  readonly limit?: string | undefined;
}

const formats = {
  table: { write: replayTable, groups: 20 },
  markdown: { write: replayMarkdown, groups: 20 },
  json: { write: replayJson, groups: Number.MAX_SAFE_INTEGER },
} as const;

/**
 * `lockkeeper policy replay [WHERE] --bundle FILE`: which decisions of a log would come out another way under other
 * policies or data. Works beside a running gateway, of which nothing changes.
 * @returns the exit code: with `--fail-on`, 1 when there is, or may be, a flip of a kind that it names, or when nothing was judged:
 *   that there is none is not known then; else 0
 * @throws LockkeeperError when it cannot be tried, or the gateway would not take the candidate
 */
export async function policyReplay(
  { clock, output }: { readonly clock: Pick<Clock, "now">; readonly output: Output },
  typed: ReplayArguments,
): Promise<0 | 1> {
  const { write, groups } = formatOf(typed.format);
  const limit = limitOf(typed.limit) ?? groups;
  const failOn = (typed.failOn ?? []).map(directionOf);
  const filter = {
    since: typedTime("--since", typed.since),
    until: typedTime("--until", typed.until),
    userName: typed.user,
    principal: typed.principal,
  };
  const config = configOf(typed);
  const bundle = loadBundle(typed.bundle);
  const data = loadData(typed.data ?? config?.policy.dataFile ?? noData());
  const own = typed.ownUser ?? [];
  const reader = await openLogSource(typed);
  try {
    const found = await replayLog(reader, {
      bundle,
      data,
      filter,
      ownUserNames: own.length > 0 ? own : [config?.iam.ownUserName].filter((name) => name !== undefined),
      ownUserAsRecorded: own.length === 0,
      onProgress: progress("replayed", { clock, output }),
    });
    for (const line of write({ log: reader.name, ...found }, limit)) output.print(line);
    if (failOn.some((direction) => found.flips[direction] + found.factsUnknown[direction] > 0)) return 1;
    if (found.judged > 0) return 0;
    output.note("No decision was judged again: nothing in the log is what was asked for.");
    if (failOn.length === 0) return 0;
    output.note("Whether there are flips that --fail-on names is not known, so this has failed.");
    return 1;
  } finally {
    await reader.close();
  }
}

/** For programs: all that is known, of the groups as many as are wanted. */
function replayJson({ groups, ...replayed }: Replayed, limit: number): string[] {
  const shown = { ...replayed, groupCount: groups.length, groups: groups.slice(0, limit) };
  return [JSON.stringify(shown, undefined, 2)];
}

/** The configuration, where something of it is asked for: the log, or the candidate's data. */
function configOf({ where, config, data }: ReplayArguments): Config | undefined {
  if (config !== undefined || where === undefined) return loadConfig({ file: config });
  if (data !== undefined) return undefined;
  try {
    return loadConfig();
  } catch (cause) {
    if (!(cause instanceof LockkeeperError)) throw cause;
    const message = `Name the data that the candidate is to decide by, --data FILE, or a configuration that does:\n${cause.message}`;
    throw new LockkeeperError("configuration", message, cause.details, { cause });
  }
}

function noData(): never {
  throw malformed("Name the data that the candidate is to decide by: --data FILE.");
}

function formatOf(text = "table"): (typeof formats)[keyof typeof formats] {
  if (text === "table" || text === "markdown" || text === "json") return formats[text];
  throw malformed(`--format: Choose one of: ${Object.keys(formats).join(", ")}.`);
}

function directionOf(text: string): Direction {
  const direction = directions.find((name) => name === text);
  if (direction === undefined) throw malformed(`--fail-on: Choose one of: ${directions.join(", ")}.`);
  return direction;
}

function limitOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[0-9]{1,9}$/.test(text)) throw malformed("--limit: Give a number of groups.");
  return Number(text);
}

function malformed(message: string): LockkeeperError {
  return new LockkeeperError("malformed-request", message);
}
