/** Codes of IAM whose messages speak of what the caller has sent, and of nothing else. */
const aboutTheRequest: ReadonlySet<string> = new Set(["NoSuchEntity", "ValidationError", "InvalidInput"]);

/** Whether IAM says with this code that the request is at fault, and not who sent it on. */
export function isAboutTheRequest(code: string): boolean {
  return aboutTheRequest.has(code);
}

const withheld =
  "IAM refused, so nothing was changed; the code says why, and the operator's log has IAM's own message.";

/**
 * As much of a refusal as callers may read. IAM's own words may name what is not theirs to know: "User:
 * arn:aws:sts::…:assumed-role/… is not authorized to perform …". Records are written so as well: a receipt holds its
 * record, and goes to whoever asked.
 */
export function wordsForCallers(code: string, message: string): string {
  return isAboutTheRequest(code) ? message : withheld;
}
