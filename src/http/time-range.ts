import { LockkeeperError } from "../errors.ts";

/**
 * The times of a query as epoch milliseconds.
 * @param query its values have the form of RFC 3339 in UTC
 * @throws LockkeeperError `malformed-request` for a time that does not exist, or a range in which there is none
 */
export function timeRange(query: { readonly since?: string; readonly until?: string }): {
  readonly since?: number;
  readonly until?: number;
} {
  const since = query.since === undefined ? undefined : instant("since", query.since);
  const until = query.until === undefined ? undefined : instant("until", query.until);
  if (since !== undefined && until !== undefined && since >= until) throw malformed("until", "must be after since");
  return { ...(since !== undefined && { since }), ...(until !== undefined && { until }) };
}

function instant(name: string, text: string): number {
  const time = Date.parse(text);
  // Some days that do not exist are taken for one of the next month.
  if (Number.isNaN(time) || !new Date(time).toISOString().startsWith(text.slice(0, 19))) {
    throw malformed(name, "must be a time that exists");
  }
  return time;
}

function malformed(name: string, message: string): LockkeeperError {
  const faults = [{ at: `query ${name}`, message }];
  return new LockkeeperError("malformed-request", "The request has a fault; see errors.", { faults });
}
