import { LockkeeperError } from "../errors.ts";

/**
 * ISO 8601 as JavaScript reads it: a date is midnight UTC.
 * @param option as it is called, for the error
 * @returns epoch milliseconds; undefined when nothing was typed
 * @throws LockkeeperError `malformed-request`
 */
export function typedTime(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const time = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2}))?$/.test(text)
    ? Date.parse(text)
    : Number.NaN;
  if (!Number.isNaN(time)) return time;
  throw new LockkeeperError("malformed-request", `${option}: Write a time as 2026-11-21 or 2026-11-21T09:30:00Z.`);
}
