import { LockkeeperError } from "../errors.ts";

const ISO = /^(\d{4}-\d{2}-(\d{2}))(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2}))?$/;

/**
 * A date (midnight UTC), or a time with its zone, of ISO 8601.
 * @returns epoch milliseconds; undefined for anything else, and for a day that its month does not have: JavaScript would
 *   take the 31st of February for one in March
 */
export function isoTime(text: string): number | undefined {
  const [, date = "", day] = ISO.exec(text) ?? [];
  const time = Date.parse(text);
  if (Number.isNaN(time) || new Date(date).getUTCDate() !== Number(day)) return undefined;
  return time;
}

/**
 * ISO 8601 as JavaScript reads it: a date is midnight UTC.
 * @param option as it is called, for the error
 * @returns epoch milliseconds; undefined when nothing was typed
 * @throws LockkeeperError `malformed-request`
 */
export function typedTime(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const time = isoTime(text);
  if (time !== undefined) return time;
  throw new LockkeeperError("malformed-request", `${option}: Write a time as 2026-11-21 or 2026-11-21T09:30:00Z.`);
}
