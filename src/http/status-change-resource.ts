import { wordsForCallers } from "../changes/iam-words.ts";
import type { Outcome } from "../changes/outcome.ts";
import type { StatusChange } from "../changes/status-change.ts";
import type { components } from "./openapi.ts";
import { decisionResource, receiptResource } from "./problem.ts";

type Resource = components["schemas"]["StatusChange"];

/** A status change as the contract has it. It says what is known, and warns of what is not. */
export function statusChangeResource(state: StatusChange): Resource {
  const { change, decision, outcome, previousStatus, readBack, settledAt, receipt } = state;
  const { type, id, userName, account } = change.credential;
  const { principal } = change;
  return {
    id: change.id,
    outcome: outcomeName(state),
    readBack: readBack === undefined ? null : readBackResource(readBack),
    credential: { type, id, userName, account },
    status: change.status,
    previousStatus,
    changed: changed(state),
    principal: { id: principal.id, issuer: principal.issuer, kind: principal.kind },
    ...(change.onBehalfOf && { onBehalfOf: change.onBehalfOf.id }),
    ...(change.reason !== undefined && { reason: change.reason }),
    ...(change.ticket && { ticket: { id: change.ticket.id, verified: change.ticket.verified } }),
    decision: decisionResource(decision),
    awsRequestId: outcome !== undefined && "awsRequestId" in outcome ? (outcome.awsRequestId ?? null) : null,
    ...(outcome !== undefined && outcome.name !== "applied" && { error: errorOf(outcome) }),
    requestedAt: new Date(change.context.receivedAt).toISOString(),
    settledAt: settledAt === undefined ? null : new Date(settledAt).toISOString(),
    receipt: receiptResource(receipt),
    warnings: warnings(state),
  };
}

function outcomeName({ decision, outcome }: StatusChange): Resource["outcome"] {
  if (!decision.allow) return "denied";
  return outcome?.name ?? "pending";
}

/** Whether IAM confirmed another status than was seen before. A refusal proves that it did nothing. */
function changed({ change, decision, outcome, previousStatus }: StatusChange): boolean | null {
  if (!decision.allow || outcome?.name === "failed") return false;
  if (outcome?.name !== "applied" || previousStatus === null) return null;
  return previousStatus !== change.status;
}

/** Why it was not applied. Records of before 0.2 hold IAM's own words. */
function errorOf(outcome: Exclude<Outcome, { name: "applied" }>): NonNullable<Resource["error"]> {
  const { code, message } = outcome;
  const isIamsOwn = outcome.name === "failed" && outcome.how === "refused";
  return { code, message: isIamsOwn ? wordsForCallers(code, message) : message };
}

function readBackResource(readBack: NonNullable<StatusChange["readBack"]>): components["schemas"]["ReadBack"] {
  const { result, observed, at, supersededBy } = readBack;
  return { result, observed, at: new Date(at).toISOString(), ...(supersededBy !== undefined && { supersededBy }) };
}

function warnings({ change, decision, outcome, readBack }: StatusChange): string[] {
  if (!decision.allow || outcome === undefined || outcome.name === "failed") return [];
  const texts = outcome.name === "applied" ? [eventuallyConsistent] : [notKnown(readBack?.result)];
  if (change.credential.type === "access-key" && change.status === "Inactive") texts.push(sessionsLiveOn);
  return texts;
}

const eventuallyConsistent =
  "IAM is eventually consistent: it can take a while until the change is in force everywhere.";
const sessionsLiveOn =
  "Temporary credentials that were obtained with this access key before may live on until they expire.";

/** IAM's answer was lost, or Lockkeeper died before it had one: nobody can tell these apart afterwards. */
function notKnown(result: NonNullable<StatusChange["readBack"]>["result"] | undefined): string {
  switch (result) {
    case "as-wanted":
      return "The outcome is not known; the status was read back as wanted, and nobody knows who made it so.";
    case "not-as-wanted":
      return "The outcome is not known; the status was read back and is not the wanted one.";
    case "superseded":
      return "The outcome is not known; a later change took this one's place before the status was read back.";
    case "unresolved":
      return "The outcome is not known; reading the status back told nothing: look at the credential itself.";
    case undefined:
      return "The outcome is not known; the status is being read back.";
  }
}
