import { sameUserName } from "../changes/credential.ts";
import type { Ruling } from "./decision.ts";
import type { PolicyInput } from "./input.ts";

/** The reason for which nobody changes the gateway's own IAM user. Shipped policies use the same code. */
export const OWN_USER_CODE = "gateway-own-user";

/** Guarded here and not only in policy: no bundle, however it came in, can open the gateway's own user. */
export function touchesOwnUser(ownUserNames: readonly string[], { action, credential }: PolicyInput): boolean {
  if (ownUserNames.length === 0 || !action.startsWith("iam:Update")) return false;
  const userName = credential?.userName;
  return userName === undefined || ownUserNames.some((own) => sameUserName(userName, own));
}

/** What policy ruled, but for the gateway's own user. */
export function guardOwnUser(ownUserNames: readonly string[], input: PolicyInput, ruling: Ruling): Ruling {
  return touchesOwnUser(ownUserNames, input) ? ownUserDenial(ruling) : ruling;
}

/** The denial that comes in place of what policy ruled. */
export function ownUserDenial(ruling: Ruling): Ruling {
  const reason = {
    code: OWN_USER_CODE,
    message: "Nobody changes the credentials of the IAM user that Lockkeeper itself works as.",
  };
  return {
    ...ruling,
    allow: false,
    needs: [],
    reasons: [reason, ...(ruling.allow ? [] : ruling.reasons.filter((r) => r.code !== reason.code))],
  };
}
