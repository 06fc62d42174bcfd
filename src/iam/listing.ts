import type { IAMClient } from "@aws-sdk/client-iam";
import type { CredentialType, ObservedStatus } from "../changes/credential.ts";
import type { ListedCredential } from "../changes/iam-answers.ts";
import { LockkeeperError } from "../errors.ts";
import { operations, type Row } from "./operations.ts";

/** The most that IAM gives at once (API reference, MaxItems). */
const PAGE_SIZE = 1000;

/**
 * A user's credentials of one type, page by page. A user has no more than a handful, but IAM may cut pages short as it
 * likes.
 * @throws LockkeeperError `iam-unavailable` for a list that is not whole or not understood: "not in the list" must be
 *   the truth
 */
export async function* listedCredentials(
  client: IAMClient,
  type: CredentialType,
  userName: string,
): AsyncGenerator<readonly ListedCredential[], void> {
  const seen = new Set<string>();
  let marker: string | undefined;
  do {
    const position = marker === undefined ? {} : { Marker: marker };
    const page = await operations[type].list(client, { UserName: userName, MaxItems: PAGE_SIZE, ...position });
    if (page.rows === undefined) throw notUnderstood("the list is missing");
    yield page.rows.map((row) => listed(type, userName, row));
    // Older answers of ListServiceSpecificCredentials have no IsTruncated at all.
    marker = page.isTruncated === true ? nextMarker(page.marker, seen) : undefined;
  } while (marker !== undefined);
}

/** Where the next page begins. A marker that was there before would go round for ever. */
function nextMarker(marker: string | undefined, seen: Set<string>): string {
  if (marker === undefined || marker === "") throw notUnderstood("there is more, but no marker to ask for it");
  if (seen.has(marker)) throw notUnderstood("the marker does not advance");
  seen.add(marker);
  return marker;
}

function listed(type: CredentialType, askedFor: string, row: Row): ListedCredential {
  const { id, userName = askedFor, status, createdAt, service } = row;
  if (id === undefined || id === "") throw notUnderstood("a credential has no id");
  return {
    type,
    id,
    userName,
    status: observed(status),
    createdAt: createdAt?.getTime() ?? null,
    ...(service !== undefined && { service }),
  };
}

function observed(status: string | undefined): ObservedStatus {
  if (status === "Active" || status === "Inactive" || status === "Expired") return status;
  throw notUnderstood("a credential has a status that is not known");
}

function notUnderstood(what: string): LockkeeperError {
  return new LockkeeperError("iam-unavailable", `IAM's list of credentials cannot be relied on: ${what}.`);
}
