import { once } from "node:events";
import { createWriteStream } from "node:fs";
import type { Writable } from "node:stream";
import { finished } from "node:stream/promises";
import { type OcsfFilter, type OcsfProgress, ocsfLines } from "../audit/export/ocsf-lines.ts";
import { writeExport } from "../audit/export/write-export.ts";
import type { Clock } from "../clock.ts";
import { LockkeeperError } from "../errors.ts";
import type { Output } from "./keys.ts";
import { type LogSource, openLogSource } from "./log-source.ts";
import { progress } from "./progress.ts";
import { typedTime } from "./typed-time.ts";

/** The options of `audit export` as they were typed. */
export interface ExportArguments extends LogSource {
  /** `tiles`, a folder that verifies anywhere; or `ocsf`, JSON Lines for a SIEM. */
  readonly format: string;
  /** The folder; of `ocsf` a file, by default standard output. */
  readonly out?: string | undefined;
  /** All others are for `ocsf`. First index. */
  readonly from?: string | undefined;
  readonly code?: string | undefined;
  /** ISO 8601. */
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly user?: string | undefined;
  readonly follow?: boolean | undefined;
}

export interface ExportCommandOptions {
  readonly clock: Clock;
  readonly output: Output;
  /** Standard output. */
  readonly stdout: Writable;
  /** Ends a run that follows the log. */
  readonly signal: AbortSignal;
}

/** How often a log that is followed is looked at. */
const FOLLOW_MS = 1_000;

/**
 * `lockkeeper audit export [WHERE]`: the whole log as a folder, or its events as lines. Works beside a running gateway.
 * @throws LockkeeperError with a sentence for the terminal
 */
export async function auditExport(options: ExportCommandOptions, typed: ExportArguments): Promise<void> {
  if (typed.format === "tiles") return exportTiles(options, typed);
  if (typed.format === "ocsf") return exportOcsf(options, typed);
  throw malformed("--format: Choose one of: tiles, ocsf.");
}

async function exportTiles(options: ExportCommandOptions, { out, ...typed }: ExportArguments): Promise<void> {
  if (out === undefined) throw malformed("Name the folder for the export: --out FOLDER.");
  const { from, code, since, until, user, follow } = typed;
  if ([from, code, since, until, user, follow].some((value) => value !== undefined)) {
    throw malformed("An export that can be verified is always of the whole log: filters are for --format ocsf.");
  }
  const reader = await openLogSource(typed);
  try {
    const { origin, size, kept } = await writeExport(reader, out, { onProgress: progress("exported", options) });
    options.output.note(`${out} holds ${size} records of the log ${origin}; ${size - kept} of them were written now.`);
    options.output.note(`Check it: lockkeeper audit verify ${out} --key PUBLIC-KEY`);
  } finally {
    await reader.close();
  }
}

async function exportOcsf(options: ExportCommandOptions, typed: ExportArguments): Promise<void> {
  const { clock, output, signal } = options;
  const filter: OcsfFilter = {
    code: typed.code,
    since: typedTime("--since", typed.since),
    until: typedTime("--until", typed.until),
    userName: typed.user,
  };
  const at: OcsfProgress = { next: index(typed.from), written: 0, pruned: 0 };
  const sink = typed.out === undefined ? options.stdout : await openFile(typed.out, at.next);
  // Whoever writes next gets it; without a listener it would end the process.
  sink.on("error", () => {});
  try {
    do {
      await copyLines(typed, filter, at, sink);
      if (typed.follow === true) await clock.sleep(FOLLOW_MS, signal).catch(whenStopped(signal));
    } while (typed.follow === true && !signal.aborted);
    if (typed.out !== undefined) await finished(sink.end());
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
    // Whoever reads the lines has had enough, as head(1).
    if (code !== "EPIPE") throw cause instanceof LockkeeperError ? cause : unwritten(typed.out, code, cause);
  } finally {
    const pruned = at.pruned === 0 ? "" : `; ${at.pruned} have been pruned`;
    output.note(`${at.written} records written${pruned}. To go on: --from ${at.next}`);
  }
}

async function copyLines(source: LogSource, filter: OcsfFilter, at: OcsfProgress, sink: Writable): Promise<void> {
  const reader = await openLogSource(source);
  try {
    const size = await reader.size();
    if (size < at.next) {
      throw new LockkeeperError(
        "not-found",
        `The log has ${size} records; there is none with the index ${at.next} or later.`,
      );
    }
    for await (const lines of ocsfLines(reader, filter, at)) {
      if (sink.errored) throw sink.errored;
      if (!sink.write(lines)) await once(sink, "drain");
    }
  } finally {
    await reader.close();
  }
}

/** A new file, or one to go on in. */
async function openFile(file: string, from: number): Promise<Writable> {
  const stream = createWriteStream(file, { flags: from === 0 ? "wx" : "a", mode: 0o600 });
  try {
    await once(stream, "open");
    return stream;
  } catch (cause) {
    const exists = cause instanceof Error && "code" in cause && cause.code === "EEXIST";
    if (exists) throw malformed(`${file} is there already. To go on in it, say from where: --from INDEX.`);
    throw unwritten(file, cause instanceof Error && "code" in cause ? String(cause.code) : "", cause);
  }
}

function unwritten(file: string | undefined, code: string, cause: unknown): LockkeeperError {
  const message = `The records cannot be written to ${file ?? "standard output"}: ${code}.`;
  return new LockkeeperError("malformed-request", message, {}, { cause });
}

function whenStopped(signal: AbortSignal) {
  return (error: unknown) => {
    if (!signal.aborted) throw error;
  };
}

function index(text = "0"): number {
  if (!/^[0-9]{1,15}$/.test(text)) throw malformed("--from: An index is a number, counted from 0.");
  return Number(text);
}

function malformed(message: string): LockkeeperError {
  return new LockkeeperError("malformed-request", message);
}
