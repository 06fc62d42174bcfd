import type { JWTPayload } from "jose";
import type { IssuerConfig } from "../config.ts";
import { unauthenticated } from "./failure.ts";
import { isIamUserName } from "./iam-user-name.ts";
import type { Principal } from "./principal.ts";

/** Bounds that keep a principal within the policy input's schema and its audit record. */
const MAX_ID_LENGTH = 256;
const MAX_GROUPS = 200;
const MAX_GROUP_LENGTH = 128;
/**
 * Of all groups, qualified, as JSON in UTF-8. It leaves room for everything else in the policy input (32 KiB) and in the
 * audit record (65,535 bytes): whoever gets in can be decided about, and the decision can be recorded.
 */
const MAX_GROUPS_BYTES = 24 * 1024;

/** Control and format characters would let one name look like another in a log; unpaired surrogates are no text. */
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u;

/**
 * The principal of a verified token, by its issuer's claim map. Every claim that counts is checked for its type.
 * @throws LockkeeperError `unauthenticated`
 */
export function principalOf(claims: JWTPayload, { issuer, kind, claims: map }: IssuerConfig): Principal {
  const id = claimed(claims, map.id);
  if (!isName(id, MAX_ID_LENGTH)) throw unauthenticated("the id claim is no name");
  const userName = map.userName === undefined ? undefined : userNameOf(claimed(claims, map.userName));
  return Object.freeze({
    id,
    issuer,
    kind,
    ...(userName !== undefined && { userName }),
    groups: Object.freeze(map.groups === undefined ? [] : groupsOf(claimed(claims, map.groups), issuer)),
    authn: "jwt",
  });
}

function claimed(claims: JWTPayload, name: string): unknown {
  return Object.hasOwn(claims, name) ? claims[name] : undefined;
}

function userNameOf(claim: unknown): string | undefined {
  if (claim === undefined) return undefined;
  if (typeof claim !== "string" || !isIamUserName(claim))
    throw unauthenticated("the user name claim is no IAM user name");
  return claim;
}

function groupsOf(claim: unknown, issuer: string): string[] {
  if (claim === undefined) return [];
  if (!Array.isArray(claim) || claim.length > MAX_GROUPS) {
    throw unauthenticated(`the groups claim is no list of at most ${MAX_GROUPS}`);
  }
  const groups = claim.map((group: unknown) => {
    if (!isName(group, MAX_GROUP_LENGTH)) throw unauthenticated("the groups claim holds something that is no name");
    return `${issuer}#${group}`;
  });
  // Not cut: a policy may deny by a group that would be missing then.
  if (Buffer.byteLength(JSON.stringify(groups)) > MAX_GROUPS_BYTES) {
    throw unauthenticated("the groups, each with its issuer, are over 24 KiB: let the issuer send fewer of them");
  }
  return groups;
}

function isName(claim: unknown, maxLength: number): claim is string {
  return typeof claim === "string" && claim !== "" && claim.length <= maxLength && !unprintable.test(claim);
}
