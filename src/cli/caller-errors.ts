import type { LockkeeperProblem, LockkeeperUnanswered, StatusChange } from "../client/client.ts";
import { printable } from "./printable.ts";

/** What a person at the terminal is told of a problem: what it is, whether something was changed, what to do now. */
export function problemLines(problem: LockkeeperProblem): string[] {
  const { detail, decision, errors, requestId, nothingChanged, change } = problem;
  const known = change === undefined ? [] : [`lockkeeper: ${foundOut(change)}`];
  return [
    `lockkeeper: ${detail}`,
    ...errors.map(({ pointer, in: place, name, detail: fault }) => `  ${pointer ?? `${place} ${name}`}: ${fault}`),
    ...known,
    nothingChanged ? "Nothing was changed." : "It is not certain whether anything was changed.",
    ...whatToDo(problem),
    decision === undefined ? `Request ${requestId}.` : `Decision ${decision.id}, request ${requestId}.`,
  ].map(printable);
}

/** What a person at the terminal is told when nobody answered. */
export function unansweredLines({ message, nothingChanged, idempotencyKey }: LockkeeperUnanswered): string[] {
  const lines = [`lockkeeper: ${message}`];
  if (nothingChanged) lines.push("Nothing was changed. Check --url, and that the gateway is up.");
  else {
    lines.push("It is not certain whether anything was changed. To find out, give the same command again, with");
    lines.push(`  --idempotency-key ${idempotencyKey}`);
    lines.push("It is the same change then, and is never made twice.");
  }
  return lines.map(printable);
}

/** What is known of a change whose own answer did not tell. */
export function foundOut({ outcome, status, readBack, error }: StatusChange): string {
  if (outcome === "pending") return "The change has no outcome yet.";
  if (outcome === "failed") return `The change failed: ${error?.message ?? "IAM refused it."}`;
  if (readBack === null) return "Its outcome is not known, and the credential has not been read back yet.";
  const seen = readBack.observed ?? "not readable";
  const results = {
    "as-wanted": `It was then seen ${status}; nobody knows who made it so.`,
    "not-as-wanted": `It was not seen ${status} afterwards, but ${seen}.`,
    superseded: "A later change has taken its place.",
    unresolved: "The credential could not be read back: look at IAM yourself.",
  };
  return results[readBack.result];
}

/** For reasons of the shipped policy: how this command gives what is missing. */
const missing: Readonly<Record<string, string>> = {
  "ticket-required": "Name the ticket: --ticket SEC-123.",
  "on-behalf-of-required": "Name the person: --on-behalf-of PERSON.",
};

function whatToDo({ code, status, reasons, retryAfter, changeId, idempotencyKey }: LockkeeperProblem): string[] {
  if (code === "denied") {
    const hints = reasons.flatMap((reason) => missing[reason.code] ?? []);
    return hints.length > 0
      ? hints
      : ["Whoever keeps the policy can say what it takes; the decision is in the audit log."];
  }
  if (status === 401) return ["Check LOCKKEEPER_TOKEN or --token-file: the key or token may have expired."];
  if (status === 504 || code === "change-in-flight") {
    return changeId === undefined ? [] : [`See what becomes of it: lockkeeper change ${changeId}`];
  }
  if (code === "idempotency-key-reused") return ["Leave --idempotency-key out, or give another one."];
  if (code === "user-name-required") return ["Name the credential's IAM user: --user-name NAME."];
  if (code === "iam-entity-not-found")
    return ["See what there is: lockkeeper credentials USER, lockkeeper access-key ID."];
  if (retryAfter !== undefined) return [`Try again in ${retryAfter} s.`];
  if (status === 500 && idempotencyKey !== undefined) {
    return [`To find out, give the same command again, with --idempotency-key ${idempotencyKey}`];
  }
  return [];
}
