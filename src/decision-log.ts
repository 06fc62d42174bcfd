import type { Change } from "./changes/change.ts";
import { credentialTypes } from "./changes/credential.ts";
import type { Logger } from "./log.ts";
import type { Decision } from "./policy/decision.ts";

/** One line in the log for each decision: a sentence for people, and the same as fields for machines. */
export function decisionLog(log: Logger): (change: Change, decision: Decision) => void {
  return (change, decision) => {
    const { credential, principal, status } = change;
    const codes = decision.reasons.map(({ code }) => code);
    const what = `${credentialTypes[credential.type].label} ${credential.id} of ${credential.userName} ${status}`;
    log.info(
      {
        event: "decision",
        requestId: change.context.requestId,
        changeId: change.id,
        allow: decision.allow,
        reasons: codes,
        principal: principal.id,
        issuer: principal.issuer,
        action: change.action,
        credential: credential.id,
        userName: credential.userName,
        status,
      },
      `${decision.allow ? "ALLOWED" : "DENIED "}  ${principal.id}: ${what}  (${codes.join(", ")})`,
    );
  };
}
