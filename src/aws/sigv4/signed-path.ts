import { AwsRefusal } from "../refusal.ts";

const maxTargetLength = 2048;

/** RFC 3986 path characters and whole escapes, from the first slash on. */
const pathCharacters = /^\/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*$/;

/** `.` and `..`, also where the dots are escaped: a router or a proxy may resolve those later. */
const dotSegment = /\/(?:\.|%2[Ee]){1,2}(?:\/|$)/;

/**
 * The path of a request target (RFC 9112, section 3.2), as it was sent and signed.
 *
 * The canonical form of Signature Version 4 drops empty and dot segments, so that one signature would fit several
 * paths; those paths are refused here, and what is left has one spelling for each signature.
 *
 * @param target hostile: the request line's second word
 * @throws AwsRefusal 400 `InvalidQueryParameter` for a query, which also carries presigned requests;
 *   400 `InvalidURIPath` for whatever is no plain absolute path
 */
export function signedPath(target: string): string {
  if (target.length > maxTargetLength) throw invalidPath(`The path is over ${maxTargetLength} characters.`);
  if (target.includes("?")) {
    const how = "Send the parameters in the body of a POST, and the signature in the Authorization header.";
    throw new AwsRefusal(400, "InvalidQueryParameter", `A query string is not accepted. ${how}`);
  }
  if (!pathCharacters.test(target)) {
    throw invalidPath("The request target must be a path of URI characters and whole escapes, without a fragment.");
  }
  if (target.includes("//") || dotSegment.test(target)) {
    throw invalidPath("The path must have no empty segment and no segment '.' or '..'.");
  }
  return target;
}

function invalidPath(message: string): AwsRefusal {
  return new AwsRefusal(400, "InvalidURIPath", message);
}
