import type { LogEntry, LogReader } from "../log-reader.ts";
import { object, outlineOf } from "../verify/outline.ts";
import { unreadable } from "./layout.ts";

/** Which records are wanted; all of it must hold. */
export interface OcsfFilter {
  /** `metadata.event_code` */
  readonly code?: string | undefined;
  /** Epoch milliseconds of the record's time: not before, and before. */
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  /** The IAM user whose credential it is about; without case, as IAM compares them. */
  readonly userName?: string | undefined;
}

/** Where an export of lines stands. */
export interface OcsfProgress {
  /** Index of the first record that was not looked at. */
  next: number;
  written: number;
  /** Records whose body has been pruned. */
  pruned: number;
}

const NEWLINE = Buffer.from("\n");

/**
 * A log as JSON Lines, each the stored bytes of one OCSF event.
 * @param progress where to begin, and where it stands while it is read
 * @throws LockkeeperError `audit-unreadable` also for a body that is not one line: nobody could read on behind it
 */
export async function* ocsfLines(
  reader: LogReader,
  filter: OcsfFilter,
  progress: OcsfProgress,
): AsyncGenerator<Buffer> {
  for await (const entries of reader.records(progress.next, await reader.size())) {
    const lines = entries.flatMap((entry) => {
      if (entry.body === null) {
        progress.pruned += 1;
        return [];
      }
      if (!isWanted(entry.body, filter)) return [];
      assertOneLine(entry);
      progress.written += 1;
      return [entry.body, NEWLINE];
    });
    yield Buffer.concat(lines);
    progress.next = (entries.at(-1)?.index ?? progress.next - 1) + 1;
  }
}

function isWanted(body: Buffer, { code, since, until, userName }: OcsfFilter): boolean {
  const outline = outlineOf(body);
  // What is no event has neither code nor time; whoever wants everything gets it too.
  if (code !== undefined && outline?.code !== code) return false;
  if (since !== undefined && (outline === undefined || outline.time < since)) return false;
  if (until !== undefined && (outline === undefined || outline.time >= until)) return false;
  return userName === undefined || ownersIn(body).includes(userName.toLowerCase());
}

/** The IAM users of a record's resources. */
function ownersIn(body: Buffer): string[] {
  const resources: unknown = object(parsed(body))?.["resources"];
  if (!Array.isArray(resources)) return [];
  return resources.flatMap((resource) => {
    const name = object(object(resource)?.["owner"])?.["name"];
    return typeof name === "string" ? [name.toLowerCase()] : [];
  });
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
}

function assertOneLine({ index, body }: LogEntry): void {
  if (body?.includes(NEWLINE) !== true) return;
  throw unreadable(
    `Record ${index} is not one line, so it was changed. See what else is wrong: lockkeeper audit verify`,
  );
}
