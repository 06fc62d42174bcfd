import { incompleteSignature, signatureDoesNotMatch } from "./refusals.ts";

const allowedSkewMinutes = 5;

/**
 * Reads an `X-Amz-Date` and holds it against the clock, both in whole seconds.
 * @param value hostile; `YYYYMMDDTHHMMSSZ`, a time that exists
 * @param now epoch milliseconds
 * @returns epoch milliseconds
 * @throws AwsRefusal 400 `IncompleteSignature` when it is missing or no such date; 403 `SignatureDoesNotMatch` when it is
 *   over five minutes from `now`
 */
export function readSigningDate(value: string | undefined, now: number): number {
  if (value === undefined) {
    throw incompleteSignature("Authorization header requires existence of a 'X-Amz-Date' header.");
  }
  const digits = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(value);
  const [, year, month, day, hour, minute, second] = digits ?? [];
  const signedAt = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  // The way back tells the days that Date.parse would move on, such as a thirtieth of February.
  if (digits === null || Number.isNaN(signedAt) || basicFormat(signedAt) !== value) {
    throw incompleteSignature("'X-Amz-Date' must be in ISO-8601 'basic format', e.g. 20110909T233600Z.");
  }
  checkSkew(value, signedAt, now - (now % 1000));
  return signedAt;
}

function checkSkew(date: string, signedAt: number, now: number): void {
  const skew = allowedSkewMinutes * 60_000;
  if (signedAt < now - skew) {
    const limit = `${basicFormat(now - skew)} (${basicFormat(now)} - ${allowedSkewMinutes} min.)`;
    throw signatureDoesNotMatch(`Signature expired: ${date} is now earlier than ${limit}`);
  }
  if (signedAt > now + skew) {
    const limit = `${basicFormat(now + skew)} (${basicFormat(now)} + ${allowedSkewMinutes} min.)`;
    throw signatureDoesNotMatch(`Signature not yet current: ${date} is still later than ${limit}`);
  }
}

/** `YYYYMMDDTHHMMSSZ`. */
function basicFormat(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/[-:]|\.\d{3}/g, "");
}
