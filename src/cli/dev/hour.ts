/** Zones reach from 12 hours behind UTC to 14 ahead. */
const FURTHEST_AHEAD = 14;

/**
 * A time zone in which it is that hour, so that rules about the time can be tried at any time.
 * @param hour 0 to 23
 * @param now epoch milliseconds
 * @returns an IANA name; its sign is POSIX's: Etc/GMT-2 is two hours ahead of UTC (IANA tzdb, `etcetera`)
 */
export function zoneWithHour(hour: number, now: number): string {
  const difference = (hour - new Date(now).getUTCHours() + 24) % 24;
  const ahead = difference > FURTHEST_AHEAD ? difference - 24 : difference;
  return ahead === 0 ? "Etc/GMT" : `Etc/GMT${ahead > 0 ? "-" : "+"}${Math.abs(ahead)}`;
}
